//! Full-text search in the viewer's own chats.

use rstest_reuse::apply;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{Client, On, Step, TestApp, on_both_databases};

const SEARCH: &str = "query($search: String, $order: ChatOrder, $conversation: ID) {
    chatHistory(first: 100, search: $search, orderBy: $order, conversationId: $conversation) { nodes { message } totalCount } }";

/// Returns the messages that a search finds.
async fn search(client: &Client, words: &str) -> Vec<String> {
    search_by(client, json!({ "search": words, "order": "NEWEST" })).await
}

async fn search_by(client: &Client, variables: Value) -> Vec<String> {
    let found = client.data(SEARCH, variables).await["chatHistory"].take();
    let nodes = found["nodes"].as_array().unwrap();
    assert_eq!(found["totalCount"], nodes.len());
    nodes.iter().map(|chat| chat["message"].as_str().unwrap().to_owned()).collect()
}

#[apply(on_both_databases)]
async fn words_are_found_in_any_script(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let said = [
        "The quick brown fox",
        "Съешь ещё этих мягких французских булок",
        "السلام عليكم ورحمة الله",
        "東京都に住んでいます",
        "我喜欢学习编程语言",
        "สวัสดีครับ ผมชื่อโทนี่",
        "안녕하세요 반갑습니다",
        "हिन्दी में खोज",
        "naïve café — C++ & don't",
        "100% of id_1 AND room_2 OR \"quoted\"",
    ];
    for message in said {
        mia.say("echo", message).await;
        tom.say("echo", &format!("Tom: {message}")).await;
    }
    for (words, found) in [
        ("quick fox", 0),
        ("FOX qui", 0),
        ("bro", 0),
        ("мягких", 1),
        ("Еще фран", 1),
        ("السَّلام", 2),
        ("عليكم ور", 2),
        ("東京", 3),
        ("京都", 3),
        ("住", 3),
        ("学习编程", 4),
        ("ครับ", 5),
        ("안녕", 6),
        ("खोज", 7),
        ("cafe", 8),
        ("NAÏVE", 8),
        ("don't", 8),
        ("100", 9),
        ("id_1", 9),
        ("\"quoted\" and", 9),
    ] {
        assert_eq!(search(&mia, words).await, [said[found]], "{words}");
        assert_eq!(search(&tom, words).await, [format!("Tom: {}", said[found])], "{words}: each finds their own");
    }
    for nothing in ["quick wolf", "ox", "rown", "都京", "user", "conversation", "user_1"] {
        assert_eq!(search(&mia, nothing).await, Vec::<String>::new(), "{nothing}");
    }
    assert_eq!(search(&mia, "AI Response").await.len(), said.len(), "replies are searched too");
    assert_eq!(search(&mia, "  ").await.len(), said.len(), "no search at all");
    for bad in ["!?", "*", "\"", &"w ".repeat(3).replace('w', "%")] {
        assert_eq!(mia.code(SEARCH, json!({ "search": bad })).await, "INVALID_INPUT", "{bad}");
    }
    let many: String = (0..50).map(|number| format!("w{number} ")).collect();
    assert_eq!(mia.code(SEARCH, json!({ "search": many })).await, "INVALID_INPUT");
}

#[apply(on_both_databases)]
async fn what_is_found_comes_newest_or_best_first_and_page_by_page(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let filler = "and a lot of other words that have nothing to do with it ".repeat(5);
    for message in [
        "apple apple apple",
        &format!("pear {filler} apple"),
        "apple apple",
        "pear",
        &format!("{filler} apple {filler}"),
    ] {
        app.model.play([Step::Say("."), Step::End(None)]);
        mia.say("scripted", message).await;
    }
    let newest = search(&mia, "apple").await;
    assert_eq!(newest.len(), 4);
    assert!(newest[0].starts_with("and") && newest[3] == "apple apple apple");
    let best = search_by(&mia, json!({ "search": "apple", "order": "BEST" })).await;
    assert_eq!(best[0], "apple apple apple");
    assert_eq!(best[1], "apple apple");
    for order in ["NEWEST", "BEST"] {
        let whole = search_by(&mia, json!({ "search": "apple", "order": order })).await;
        let (mut paged, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = "query($after: String, $order: ChatOrder) { chatHistory(first: 3, after: $after, search: \"apple\", orderBy: $order) {
                nodes { message } pageInfo { endCursor hasNextPage } } }";
            let page = mia.data(page, json!({ "after": after, "order": order })).await["chatHistory"].take();
            paged.extend(
                page["nodes"].as_array().unwrap().iter().map(|chat| chat["message"].as_str().unwrap().to_owned()),
            );
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(paged, whole, "{order}");
    }
}

#[apply(on_both_databases)]
async fn only_what_is_there_and_has_ended_is_found(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let create = "mutation { createConversation(input: {model: \"echo\"}) { conversation { id } } }";
    let conversation = mia.data(create, json!({})).await["createConversation"]["conversation"]["id"].take();
    let send =
        "mutation($id: ID!) { sendMessage(input: {conversationId: $id, message: \"inside needle\"}) { chat { id } } }";
    let inside = mia.data(send, json!({ "id": conversation })).await["sendMessage"]["chat"]["id"].take();
    mia.say("echo", "outside needle").await;
    assert_eq!(search(&mia, "needle").await, ["outside needle", "inside needle"]);
    let within = json!({ "search": "needle", "conversation": conversation });
    assert_eq!(search_by(&mia, within).await, ["inside needle"]);
    // An open chat is found once it has finished.
    app.model.play([Step::Say("half a needle"), Step::Hang]);
    let start = "mutation { startMessage(input: {message: \"open\", model: \"scripted\"}) { chat { id } } }";
    let open = mia.data(start, json!({})).await["startMessage"]["chat"]["id"].take();
    assert_eq!(search(&mia, "open").await, Vec::<String>::new());
    mia.data("mutation($id: ID!) { stopMessage(input: {chatId: $id}) { chat { id } } }", json!({ "id": open })).await;
    assert_eq!(search(&mia, "open").await, ["open"]);
    mia.data("mutation($id: ID!) { deleteChat(input: {chatId: $id}) { deletedId } }", json!({ "id": inside })).await;
    assert_eq!(search(&mia, "inside").await, Vec::<String>::new(), "what is deleted is not found");
    let hers = json!({ "search": "needle", "conversation": conversation });
    assert_eq!(search_by(&app.user("tom").await, hers).await, Vec::<String>::new());
}

#[apply(on_both_databases)]
async fn a_search_indexes_what_nobody_has_indexed_yet(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    for number in 0..3 {
        mia.say("echo", &format!("old needle {number}")).await;
    }
    // The state of existing rows after the migration.
    app.app
        .db
        .write((), |txn, ()| {
            Box::pin(async move {
                txn.execute_unprepared("UPDATE chat SET search_text = NULL").await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    assert_eq!(search(&mia, "needle").await.len(), 3);
    mia.data("mutation { deleteAccount(input: {password: \"tr0ub4dor&3-staple\"}) { deletedId } }", json!({})).await;
}
