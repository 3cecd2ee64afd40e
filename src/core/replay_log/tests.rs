use futures::{StreamExt, poll};

use super::recording::WINDOW;
use super::*;
use crate::core::ids::{ChatId, UserId};

const TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes that a chunk of these tests takes.
const PART: usize = 1000;

async fn push(answers: &ReplayCache<u32>, recording: &Recording<u32>, part: u32) {
    answers.push(recording, part, PART - PART_BYTES, TIMEOUT).await;
}

/// Records a response of this number of chunks.
async fn record(answers: &ReplayCache<u32>, user_id: i64, chat_id: i64, parts: u32) {
    let recording = answers.begin(UserId(user_id));
    answers.insert(ChatId(chat_id), &recording);
    for part in 0..parts {
        push(answers, &recording, part).await;
    }
    answers.finish(&recording);
}

fn kept(answers: &ReplayCache<u32>, chats: std::ops::Range<i64>) -> Vec<i64> {
    chats.filter(|chat| answers.get(ChatId(*chat)).is_some()).collect()
}

#[tokio::test]
async fn whoever_comes_hears_everything_once() {
    let answers = ReplayCache::new(100_000, 50_000);
    let recording = answers.begin(UserId(1));
    push(&answers, &recording, 1).await;
    let mut early = Box::pin(recording.clone().follow());
    assert_eq!(early.next().await, Some(Ok(1)));
    assert!(poll!(early.next()).is_pending());
    push(&answers, &recording, 2).await;
    let mut late = Box::pin(recording.clone().follow());
    assert_eq!((early.next().await, late.next().await), (Some(Ok(2)), Some(Ok(1))));
    push(&answers, &recording, 3).await;
    answers.finish(&recording);
    assert_eq!(early.collect::<Vec<_>>().await, [Ok(3)]);
    assert_eq!(late.collect::<Vec<_>>().await, [Ok(2), Ok(3)]);
    assert_eq!(recording.clone().follow().collect::<Vec<_>>().await, [Ok(1), Ok(2), Ok(3)]);
    assert_eq!(answers.bytes(), LIST_BYTES + 3 * PART);
    drop(recording);
    assert_eq!(answers.bytes(), 0);
}

#[tokio::test]
async fn open_answers_weigh_and_the_oldest_finished_ones_of_the_same_user_go_first() {
    let mut answers = ReplayCache::new(40 * PART, 10 * PART);
    record(&answers, 1, 1, 4).await;
    record(&answers, 2, 2, 4).await;
    record(&answers, 1, 3, 4).await;
    assert_eq!(kept(&answers, 1..4), [1, 2, 3]);
    // The share of one user: the oldest recording of that user is dropped, and no other.
    record(&answers, 1, 4, 2).await;
    assert_eq!(kept(&answers, 1..5), [2, 3, 4]);
    // Unfinished recordings count, and are not dropped.
    let open = answers.begin(UserId(2));
    answers.insert(ChatId(5), &open);
    for part in 0..6 {
        push(&answers, &open, part).await;
    }
    assert_eq!(kept(&answers, 1..6), [3, 4, 5], "the same user's first");
    assert!(answers.bytes() <= 40 * PART);
    // The whole budget: recordings of other users are dropped too, once the user has none.
    for user in 10..40 {
        record(&answers, user, 100 + user, 6).await;
        assert!(answers.bytes() <= 40 * PART);
    }
    assert_eq!(kept(&answers, 1..6), [5]);
    assert!(kept(&answers, 1..200).len() > 1);
    answers.ttl = Duration::ZERO;
    assert_eq!(kept(&answers, 1..200), [5], "all other recordings have expired");
    drop(open);
    answers.invalidate_all();
    assert_eq!(answers.bytes(), 0);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_reaches_all_who_follow_it_and_nobody_else() {
    const PARTS: u32 = 3000;
    let answers = Arc::new(ReplayCache::new(40 * PART, 10 * PART));
    let recording = answers.begin(UserId(1));
    answers.insert(ChatId(1), &recording);
    let tasks = tokio_util::task::TaskTracker::new();
    let followers: Vec<_> = (0..3u64)
        .map(|number| {
            let parts = recording.clone().follow();
            tasks.spawn(async move {
                let mut received = Vec::new();
                let mut parts = std::pin::pin!(parts);
                while let Some(part) = parts.next().await {
                    received.push(part);
                    tokio::time::sleep(Duration::from_millis(number)).await;
                }
                received
            })
        })
        .collect();
    for part in 0..PARTS {
        push(&answers, &recording, part).await;
        let bytes = recording.lock().bytes;
        assert!(bytes <= WINDOW + PART, "{bytes}");
        assert!(answers.bytes() <= 10 * PART);
    }
    assert!(answers.get(ChatId(1)).is_none(), "a retry does not find it");
    assert_eq!(recording.clone().follow().collect::<Vec<_>>().await, [Err(Lagged)]);
    answers.finish(&recording);
    for follower in followers {
        assert_eq!(follower.await.unwrap(), (0..PARTS).map(Ok).collect::<Vec<_>>());
    }
    assert!(answers.get(ChatId(1)).is_none());
    drop(recording);
    assert_eq!(answers.bytes(), 0);
}

#[tokio::test]
async fn who_reads_too_slowly_is_left_behind_and_told() {
    let answers = ReplayCache::new(40 * PART, 10 * PART);
    let recording = answers.begin(UserId(1));
    let mut slow = Box::pin(recording.clone().follow());
    let disconnected = recording.clone().follow();
    drop(disconnected);
    let parts = u32::try_from(WINDOW / PART).unwrap() + 10;
    let write_timeout = Duration::from_millis(50);
    let began = Instant::now();
    for part in 0..parts {
        answers.push(&recording, part, PART - PART_BYTES, write_timeout).await;
    }
    assert!(began.elapsed() >= write_timeout, "the producer waits, once");
    assert_eq!(slow.next().await, Some(Err(Lagged)));
    assert_eq!(slow.next().await, None);
    drop(slow);
    push(&answers, &recording, 0).await;
    assert_eq!(recording.lock().bytes, 0, "without followers nothing is buffered");
}

#[tokio::test]
async fn without_any_memory_an_answer_is_passed_on_all_the_same() {
    let answers = ReplayCache::new(0, 0);
    let recording = answers.begin(UserId(1));
    answers.insert(ChatId(1), &recording);
    assert!(answers.get(ChatId(1)).is_none());
    let mut follower = Box::pin(recording.clone().follow());
    push(&answers, &recording, 7).await;
    answers.finish(&recording);
    assert_eq!((follower.next().await, follower.next().await), (Some(Ok(7)), None));
}
