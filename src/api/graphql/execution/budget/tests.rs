//! Tests of budgets.

use super::*;
use crate::core::ids::UserId;

fn budgets(max_bytes: usize) -> Arc<Budgets> {
    let mut config = Config::from_toml("").unwrap();
    config.graphql.max_response_bytes = max_bytes;
    config.graphql.query_timeout = Duration::from_millis(20);
    Budgets::of(&config)
}

fn taken(budgets: &Budgets) -> (usize, usize) {
    let large = budgets.large.lock().unwrap();
    (large.total, large.by_owner.len())
}

#[tokio::test]
async fn what_is_too_large_or_too_long_is_dropped() {
    let budgets = budgets(1000);
    let query = || budgets.begin(OperationType::Query, 1, OperationOwner::User(UserId(1)));
    let ends = query().run(async { 5 }).await;
    assert_eq!(ends.unwrap(), 5);
    let slow = query().run(std::future::pending::<()>()).await.unwrap_err();
    assert_eq!((slow.code, slow.message.as_str()), (Code::Timeout, "The query took too long."));
    let budget = query();
    let large = async {
        assert!(budget.write(1000));
        assert!(!budget.write(1));
        std::future::pending::<()>().await;
    };
    let large = budget.run(large).await.unwrap_err();
    assert_eq!(large.code, Code::PayloadTooLarge);
    assert!(large.message.contains("1000 bytes"), "{}", large.message);
    let budget = query();
    let rows = budget.run(async { budget.read(2001) }).await.unwrap_err();
    assert!(rows.code == Code::PayloadTooLarge && rows.message.contains("2000 bytes"), "{}", rows.message);
    let budget = budgets.begin(OperationType::Mutation, 1, OperationOwner::User(UserId(1)));
    let message = budget.run(async { budget.write(1001) }).await.unwrap_err().message;
    assert!(message.starts_with("The mutation was carried out, but"), "{message}");
}

#[tokio::test]
async fn each_event_has_the_whole_budget() {
    let budget = budgets(1000).begin(OperationType::Subscription, 1, OperationOwner::User(UserId(1)));
    for _ in 0..3 {
        assert!(budget.run(async { budget.write(900) }).await.unwrap());
        assert_eq!(budget.run(async { budget.write(1900) }).await.unwrap_err().code, Code::PayloadTooLarge);
    }
}

#[tokio::test]
async fn large_operations_are_bounded_by_owner_and_in_all_and_small_ones_are_not() {
    let budgets = budgets(1 << 20);
    let begin = |owner| budgets.begin(OperationType::Query, 1, OperationOwner::User(UserId(owner)));
    // A megabyte of text counts twice; one owner may have 8.
    let large: Vec<_> = (0..4).map(|_| begin(1)).collect();
    assert!(large.iter().all(|budget| budget.write(1_000_000)));
    let rejected = begin(1);
    let error = rejected.run(async { rejected.write(1_000_000) }).await.unwrap_err();
    assert_eq!(error.code, Code::RateLimited);
    assert!(begin(1).write(1000), "small ones are not limited");
    let others: Vec<_> = (2..7).flat_map(|owner| (0..3).map(move |_| owner)).map(begin).collect();
    let fit = others.iter().filter(|budget| budget.write(1_000_000)).count();
    assert_eq!(fit, 12, "32 in all");
    drop((large, others, rejected));
    assert_eq!(taken(&budgets), (0, 0));
    assert!(begin(1).write(1_000_000));
    assert_eq!(taken(&budgets), (0, 0));
}
