//! The sessions of other users: who sees them, and who ends them.

use rstest_reuse::apply;
use serde_json::json;

use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn operators_see_and_end_the_sessions_of_a_user(on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff, root) = (app.user("mia").await, app.staff("staff").await, app.superuser("root").await);
    let (id, staffs) = (mia.global_id().await, staff.global_id().await);
    let sessions = "query($id: ID!) { userSessions(userId: $id) { totalCount nodes { userAgent current createdAt } } }";
    let found = staff.data(sessions, json!({ "id": id })).await["userSessions"].take();
    assert_eq!((&found["totalCount"], &found["nodes"][0]["userAgent"]), (&json!(1), &json!("test")));
    assert_eq!(found["nodes"][0]["current"], false, "not of this request");
    let key = crate::api_keys::with_key(&mia, json!({ "name": "k", "scopes": ["READ"] })).await.0;
    let log_out =
        "mutation($id: ID!) { logOutUser(input: {userId: $id}) { user { username isActive } errors { code } } }";
    let ended = staff.data(log_out, json!({ "id": id })).await["logOutUser"].take();
    assert_eq!(ended, json!({ "user": { "username": "mia", "isActive": true }, "errors": [] }));
    assert_eq!(mia.code("{ me { id } }", json!({})).await, "UNAUTHENTICATED");
    assert_eq!(key.data("{ me { username } }", json!({})).await["me"]["username"], "mia", "keys are no sessions");
    assert_eq!(staff.data(sessions, json!({ "id": id })).await["userSessions"]["totalCount"], 0);
    let trail = "{ auditTrail(actions: [USER_LOG_OUT]) { nodes { actorName targetName targetId } } }";
    let events = root.data(trail, json!({})).await["auditTrail"]["nodes"].take();
    assert_eq!(events, json!([{ "actorName": "staff", "targetName": "mia", "targetId": id }]));
    // Operators are for superusers.
    let other = app.staff("other").await;
    assert_eq!(other.code(log_out, json!({ "id": staffs })).await, "FORBIDDEN");
    assert_eq!(root.data(log_out, json!({ "id": staffs })).await["logOutUser"]["errors"], json!([]));
    assert_eq!(staff.code("{ me { id } }", json!({})).await, "UNAUTHENTICATED");
    assert_eq!(root.data(log_out, json!({ "id": "nonsense" })).await["logOutUser"]["errors"][0]["code"], "NOT_FOUND");
    assert_eq!(root.code(sessions, json!({ "id": "nonsense" })).await, "NOT_FOUND");
}
