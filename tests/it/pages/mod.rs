//! What the pages of the chat need from the API.

mod server;
