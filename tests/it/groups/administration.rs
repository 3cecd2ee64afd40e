//! Operators manage groups and members.

use jeton::core::viewer::Actor;
use jeton::domain::audit::Action;
use jeton::domain::group;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{balance, global_id, grant};
use crate::support::installation::Installation;
use crate::support::{On, PASSWORD, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn staff_manage_groups_and_every_change_is_audited(on: On) {
    let app = TestApp::start(on).await;
    let (staff, mia, tom) = (app.staff("staff").await, app.user("mia").await, app.user("tom").await);
    let create = "mutation($name: String!) { it: createGroup(input: {name: $name, description: \" for all \"}) {
        group { id name description isDefault memberCount } errors { field message } } }";
    let made = staff.data(create, json!({ "name": " Team " })).await["it"].take();
    let id = made["group"]["id"].clone();
    let expected = json!({ "id": id, "name": "Team", "description": "for all", "isDefault": false, "memberCount": 0 });
    assert_eq!(made["group"], expected);
    let taken = staff.data(create, json!({ "name": "Team" })).await["it"].take();
    assert_eq!(taken["errors"], json!([{ "field": "name", "message": "There is a group of this name already." }]));
    for name in ["", "  ", &"x".repeat(101), "a\0b"] {
        let wrong = staff.data(create, json!({ "name": name })).await["it"].take();
        assert_eq!(wrong["errors"][0]["field"], "name", "{name:?}");
    }
    assert_eq!(mia.code(create, json!({ "name": "mine" })).await, "FORBIDDEN");

    let user_id =
        async |client: &crate::support::Client| client.data("{ me { id } }", json!({})).await["me"]["id"].take();
    let (mia_id, tom_id) = (user_id(&mia).await, user_id(&tom).await);
    let add = "mutation($group: ID!, $users: [ID!]!) { it: addGroupMembers(input: {groupId: $group, userIds: $users}) {
        added errors { field message } } }";
    let added = staff.data(add, json!({ "group": id, "users": [mia_id, tom_id, mia_id] })).await["it"].take();
    assert_eq!(added, json!({ "added": 2, "errors": [] }));
    let again = staff.data(add, json!({ "group": id, "users": [tom_id] })).await["it"].take();
    assert_eq!(again, json!({ "added": 0, "errors": [] }));
    for (users, message) in
        [(vec![], "Between 1 and 500 users."), (vec![tom_id.clone(); 501], "Between 1 and 500 users.")]
    {
        let wrong = staff.data(add, json!({ "group": id, "users": users })).await["it"].take();
        assert_eq!(wrong["errors"][0]["message"], message);
    }
    let role = "mutation($group: ID!, $user: ID!) { it: updateGroupMember(input: {groupId: $group, userId: $user, role: MANAGER}) {
        member { role source user { username } } errors { message } } }";
    let managing = staff.data(role, json!({ "group": id, "user": mia_id })).await["it"].take();
    assert_eq!(managing["member"], json!({ "role": "MANAGER", "source": "MANUAL", "user": { "username": "mia" } }));
    let list = "query($id: ID!) { group(id: $id) { members { nodes { role user { username } } } } }";
    let seen = mia.data(list, json!({ "id": id })).await["group"]["members"]["nodes"].take();
    assert_eq!(seen.as_array().unwrap().len(), 2, "a manager sees the members: {seen}");
    assert_eq!(tom.data(list, json!({ "id": id })).await["group"]["members"], Value::Null);

    let adjust = "mutation($id: ID!, $amount: Tokens!) { it: adjustGroupBalance(input: {groupId: $id, amount: $amount, \
                  reason: \"monthly\", idempotencyKey: \"once\"}) { balance { tokens } errors { code field message } } }";
    for _ in 0..2 {
        let adjusted = staff.data(adjust, json!({ "id": id, "amount": 500 })).await["it"].take();
        assert_eq!(adjusted["balance"], json!({ "tokens": 500 }), "{adjusted}");
    }
    let other = staff.data(adjust, json!({ "id": id, "amount": 501 })).await["it"].take();
    assert_eq!(other["errors"][0]["code"], "CONFLICT");

    let remove = "mutation($group: ID!, $user: ID!) { it: removeGroupMember(input: {groupId: $group, userId: $user}) {
        removedUserId errors { code } } }";
    let removed = staff.data(remove, json!({ "group": id, "user": tom_id })).await["it"].take();
    assert_eq!(removed["removedUserId"], tom_id);
    let again = staff.data(remove, json!({ "group": id, "user": tom_id })).await["it"].take();
    assert_eq!(again["errors"][0]["code"], "NOT_FOUND");
    let update =
        "mutation($id: ID!) { it: updateGroup(input: {groupId: $id, name: \"Crew\"}) { group { name description } } }";
    let renamed = staff.data(update, json!({ "id": id })).await["it"].take();
    assert_eq!(renamed["group"], json!({ "name": "Crew", "description": "for all" }));
    let delete = "mutation($id: ID!) { it: deleteGroup(input: {groupId: $id}) { deletedGroupId errors { code } } }";
    assert_eq!(staff.data(delete, json!({ "id": id })).await["it"]["deletedGroupId"], id);
    assert_eq!(staff.data(delete, json!({ "id": id })).await["it"]["errors"][0]["code"], "NOT_FOUND");

    let trail = staff.data("{ auditTrail(first: 50) { nodes { action details targetName } } }", json!({})).await;
    let actions: Vec<_> =
        trail["auditTrail"]["nodes"].as_array().unwrap().iter().map(|event| event["action"].clone()).collect();
    let expected = [
        Action::GroupDelete,
        Action::GroupUpdate,
        Action::GroupMemberRemove,
        Action::GroupAdjust,
        Action::GroupMemberUpdate,
        Action::GroupMemberAdd,
        Action::GroupCreate,
    ];
    let names = expected.map(|action| json!(action.name()));
    assert_eq!(actions[..7], names);
}

#[apply(on_both_databases)]
async fn what_staff_grant_to_groups_counts_against_their_limit(on: On) {
    let app = TestApp::with(on, "ledger.staff_daily_limit = 1000").await;
    let staff = app.staff("staff").await;
    let team = super::group(&app, "Team", 0, &[]).await;
    let adjust = "mutation($id: ID!, $amount: Tokens!) { it: adjustGroupBalance(input: {groupId: $id, amount: $amount, \
                  reason: \"more\"}) { balance { tokens } errors { code } } }";
    let given =
        async |amount: i64| staff.data(adjust, json!({ "id": global_id(team), "amount": amount })).await["it"].take();
    assert_eq!(given(900).await["errors"], json!([]));
    assert_eq!(given(101).await["errors"][0]["code"], "RATE_LIMITED");
    assert_eq!(given(100).await["errors"], json!([]));
    assert_eq!(balance(&app, team).await, (1000, 0));
    assert_eq!(given(-1001).await["errors"][0]["code"], "INVALID_INPUT");
    grant(&app, team, 5).await;
    assert_eq!(balance(&app, team).await, (1005, 0), "the command line has no limit");
    group::delete(&app.app, Actor::CommandLine, team).await.unwrap();
}

#[apply(on_both_databases)]
async fn groups_are_managed_by_commands(on: On) {
    let installation = Installation::new(on, &[]).await;
    for name in ["mia", "tom"] {
        let made = installation.run(&["user", "create", name, "--password-stdin"], &format!("{PASSWORD}\n"));
        assert!(made.status.success());
    }
    assert!(installation.ok(&["group", "create", "Team", "--description", "for all"]).contains("created Team"));
    assert!(installation.ok(&["group", "add", "Team", "mia", "TOM", "--manager"]).contains("2 members added to Team"));
    assert!(installation.ok(&["group", "grant", "Team", "700", "--reason", "start"]).contains("has 700 tokens"));
    assert!(installation.ok(&["group", "grant", "Team", "-50", "--reason", "less"]).contains("has 650 tokens"));
    let list = installation.ok(&["group", "list"]);
    assert!(list.contains("Team") && list.contains("650") && list.contains("everyone"), "{list}");
    let list: Value = serde_json::from_str(&installation.ok(&["group", "list", "--json"])).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["tokens"]), (&json!("Team"), &json!(650)));
    installation.ok(&["group", "set-role", "Team", "tom", "member"]);
    installation.ok(&["group", "remove", "Team", "mia"]);
    let members: Value = serde_json::from_str(&installation.ok(&["group", "members", "Team", "--json"])).unwrap();
    assert_eq!((&members[0]["username"], &members[0]["role"]), (&json!("tom"), &json!("member")));
    assert_eq!(members.as_array().unwrap().len(), 1);
    let key = installation.ok(&["api-key", "create", "tom", "--name", "k", "--payer", "Team"]);
    assert!(key.contains("shown only now"));
    assert!(!installation.run(&["api-key", "create", "mia", "--name", "k", "--payer", "Team"], "").status.success());
    assert!(!installation.run(&["group", "add", "Nothing", "mia"], "").status.success());
    assert!(installation.ok(&["group", "delete", "Team"]).contains("wrote off 650 tokens"));
    assert!(installation.ok(&["verify"]).contains("clean"));
}
