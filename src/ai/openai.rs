//! x
use super::*;
/// x
pub struct OpenAi;
/// x
pub struct Settings {
    /// x
    pub base_url: String,
    /// x
    pub api_key: Option<String>,
    /// x
    pub upstream_model: String,
    /// x
    pub retries: u32,
}
impl OpenAi {
    /// x
    pub fn new(_settings: Settings) -> Result<Self, Error> {
        Ok(Self)
    }
}
impl Provider for OpenAi {
    fn reply(&self, _request: Request) -> Reply {
        unreachable!()
    }
    fn input_bound(&self, _messages: &[Message]) -> u64 {
        0
    }
    fn estimate(&self, _text: &str) -> u64 {
        0
    }
}
