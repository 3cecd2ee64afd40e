//! TLS termination: the certificate and its key, reloaded when their files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::core::error::{Code, Error};
use crate::core::input_file;
use crate::infra::config::Config;

/// Maximum size of each file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Maximum size of the chain in bytes, as it is sent with every handshake.
const MAX_CHAIN_BYTES: usize = 64 << 10;

/// The certificate in use. Clones share it.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<CertificateInner>);

#[derive(Debug)]
struct CertificateInner {
    chain: PathBuf,
    key: PathBuf,
    in_use: RwLock<(Files, Arc<CertifiedKey>)>,
}

/// The contents of the files: the chain and the key.
type Files = (Vec<u8>, Vec<u8>);

impl Certificate {
    /// Loads the certificate of the configuration; `None` if it names none.
    ///
    /// # Errors
    /// INVALID_INPUT that names the file and its defect.
    pub fn open(config: &Config) -> Result<Option<Self>, Error> {
        let http = &config.http;
        let (Some(chain), Some(key)) = (http.tls_certificate.clone(), http.tls_key.clone()) else { return Ok(None) };
        let files = read(&chain, &key)?;
        let certified = certified(&files, &chain, &key)?;
        Ok(Some(Self(Arc::new(CertificateInner { chain, key, in_use: RwLock::new((files, certified)) }))))
    }

    /// Reloads the files if they have changed, on a thread for blocking work: a slow disk delays no request.
    pub(super) async fn reload(&self) {
        let certificate = self.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || certificate.take_up()).await {
            tracing::warn!(%error, "TLS certificate reload failed; the previous one stays in use");
        }
    }

    /// Replaces the certificate if the files have changed. If the new files are invalid, the previous certificate
    /// stays.
    fn take_up(&self) {
        let CertificateInner { chain, key, in_use } = &*self.0;
        let changed = read(chain, key).and_then(|files| {
            if in_use.read().unwrap_or_else(PoisonError::into_inner).0 == files {
                return Ok(false);
            }
            let certified = certified(&files, chain, key)?;
            *in_use.write().unwrap_or_else(PoisonError::into_inner) = (files, certified);
            Ok(true)
        });
        match changed {
            Ok(true) => tracing::info!("TLS certificate reloaded"),
            Ok(false) => {}
            // While only one of the two files has been replaced, chain and key do not match.
            Err(error) => tracing::warn!(?error, "TLS certificate reload failed; the previous one stays in use"),
        }
    }

    /// Returns a TLS acceptor with this certificate: TLS 1.2 and 1.3, HTTP/1.1.
    ///
    /// # Errors
    /// INTERNAL if the library does not support these versions.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| Error::internal(error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.in_use.read().unwrap_or_else(PoisonError::into_inner).1.clone())
    }
}

fn read(chain: &Path, key: &Path) -> Result<Files, Error> {
    let file = |path: &Path| input_file::read(path, MAX_FILE_BYTES).map_err(|error| about(path, error));
    Ok((file(chain)?, file(key)?))
}

fn certified((chain, key): &Files, chain_path: &Path, key_path: &Path) -> Result<Arc<CertifiedKey>, Error> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|error| about(chain_path, error))?;
    if chain.is_empty() {
        return Err(about(chain_path, "it holds no certificate"));
    }
    if chain.iter().map(|certificate| certificate.len()).sum::<usize>() > MAX_CHAIN_BYTES {
        return Err(about(chain_path, format!("the chain is larger than {MAX_CHAIN_BYTES} bytes")));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| about(key_path, error))?;
    CertifiedKey::from_der(chain, key, &default_provider())
        .map(Arc::new)
        .map_err(|error| about(chain_path, format!("with {}: {error}", key_path.display())))
}

fn about(path: &Path, wrong: impl std::fmt::Display) -> Error {
    Error::new(Code::InvalidInput, format!("TLS: {}: {wrong}", path.display()))
}

#[cfg(test)]
mod tests;
