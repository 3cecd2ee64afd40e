//! TLS that ends here: the certificate and its key, read again when their files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::error::{Code, Error};

/// The certificate in use. Its clones are the same one.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    chain: PathBuf,
    key: PathBuf,
    in_use: RwLock<(Files, Arc<CertifiedKey>)>,
}

/// What the files hold: the chain and the key.
type Files = (Vec<u8>, Vec<u8>);

impl Certificate {
    /// The certificate of the configuration, where it names one.
    ///
    /// # Errors
    /// INVALID_INPUT that names the file and what is wrong with it.
    pub fn open(config: &Config) -> Result<Option<Self>, Error> {
        let http = &config.http;
        let (Some(chain), Some(key)) = (http.tls_certificate.clone(), http.tls_key.clone()) else { return Ok(None) };
        let files = read(&chain, &key)?;
        let certified = certified(&files, &chain, &key)?;
        Ok(Some(Self(Arc::new(Parts { chain, key, in_use: RwLock::new((files, certified)) }))))
    }

    /// Takes up the files where they have changed. Those from before stay where the new ones can't be used.
    pub(super) fn reload(&self) {
        let Parts { chain, key, in_use } = &*self.0;
        let changed = read(chain, key).and_then(|files| {
            if in_use.read().unwrap_or_else(PoisonError::into_inner).0 == files {
                return Ok(false);
            }
            let certified = certified(&files, chain, key)?;
            *in_use.write().unwrap_or_else(PoisonError::into_inner) = (files, certified);
            Ok(true)
        });
        match changed {
            Ok(true) => tracing::info!("the TLS certificate has changed"),
            Ok(false) => {}
            // Between the writing of the one and of the other file they do not fit together.
            Err(error) => tracing::warn!(?error, "the TLS certificate can't be read again; the one from before stays"),
        }
    }

    /// What shakes hands with it: TLS 1.2 and 1.3, HTTP/1.1.
    ///
    /// # Errors
    /// INTERNAL where the library does not know these versions.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::internal)?
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
    let file = |path: &Path| std::fs::read(path).map_err(|error| about(path, error));
    Ok((file(chain)?, file(key)?))
}

fn certified((chain, key): &Files, chain_path: &Path, key_path: &Path) -> Result<Arc<CertifiedKey>, Error> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|error| about(chain_path, error))?;
    if chain.is_empty() {
        return Err(about(chain_path, "it holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| about(key_path, error))?;
    CertifiedKey::from_der(chain, key, &default_provider())
        .map(Arc::new)
        .map_err(|error| about(chain_path, format!("with {}: {error}", key_path.display())))
}

fn about(path: &Path, wrong: impl std::fmt::Display) -> Error {
    Error::new(Code::InvalidInput, format!("TLS: {}: {wrong}", path.display()))
}
