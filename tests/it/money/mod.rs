//! Holds, settlements and releases: exact under concurrency, when the model fails, and when the server crashes.

mod adjustments;
mod costs;
mod holds;

use std::time::Duration;

pub(crate) async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let timeout = Duration::from_secs(20);
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(timeout, holds).await.expect("the condition comes true");
}
