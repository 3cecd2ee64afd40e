//! The responses: bytes, result and usage.

use super::Comes::{self, Beside, BrokenOff, Nothing, Text, Thoughts};
use super::Row;

fn row(bytes: impl Into<String>, comes: Comes, usage: Option<(u64, u64)>) -> Row {
    Row { bytes: bytes.into(), comes, usage }
}

fn event(json: &str) -> String {
    format!("data: {json}\n\n")
}

/// Returns a complete stream of one choice with these deltas.
fn stream(deltas: &[&str], usage: &str) -> String {
    let delta =
        |delta: &&str| event(&format!("{{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}"));
    let deltas: String = deltas.iter().map(delta).collect();
    let end = event("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}");
    let usage = if usage.is_empty() { String::new() } else { event(&format!("{{\"choices\":[],{usage}}}")) };
    format!("{deltas}{end}{usage}data: [DONE]\n\n")
}

/// Returns a whole response with this message.
fn whole(message: &str, usage: &str) -> String {
    let usage = if usage.is_empty() { String::new() } else { format!(",{usage}") };
    format!("{{\"choices\":[{{\"index\":0,\"message\":{message},\"finish_reason\":\"stop\"}}]{usage}}}")
}

const USAGE: &str = "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}";
const HELLO: &str = "{\"content\":\"Hello\"}";

pub fn rows() -> Vec<Row> {
    let reported = Some((7, 5));
    let mut rows = Vec::new();
    // The usage, with every name and in every form.
    for (usage, is) in [
        (USAGE, reported),
        ("\"usage\":{\"input_tokens\":7,\"output_tokens\":5}", reported),
        ("\"usage\":{\"promptTokens\":7,\"completionTokens\":5}", reported),
        ("\"usage\":{\"prompt_tokens\":7.0,\"completion_tokens\":4.5}", reported),
        ("\"usage\":{\"prompt_tokens\":\"7\",\"completion_tokens\":\"5\"}", reported),
        ("\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":null,\"total_tokens\":12}", reported),
        ("\"usage\":{\"completion_tokens\":5,\"total_tokens\":12}", reported),
        ("\"usageMetadata\":{\"promptTokenCount\":7,\"candidatesTokenCount\":5}", reported),
        ("\"x_groq\":{\"id\":\"x\",\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}", reported),
        ("\"prompt_eval_count\":7,\"eval_count\":5", reported),
        ("\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,\"prompt_tokens_details\":null,\"x\":[]}", reported),
        ("", None),
        ("\"usage\":null", None),
        ("\"usage\":{}", None),
        ("\"usage\":[]", None),
        ("\"usage\":7", None),
        ("\"usage\":{\"prompt_tokens\":7}", None),
        ("\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":null}", None),
        ("\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}", None),
        ("\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0}", None),
        ("\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":-1}", None),
    ] {
        rows.push(row(stream(&[HELLO], usage), Text("Hello"), is));
        rows.push(row(whole(HELLO, usage), Text("Hello"), is));
    }
    // The text, in every form.
    for (message, text) in [
        ("{\"role\":\"assistant\",\"content\":\"Hello\"}", "Hello"),
        ("{\"content\":[{\"type\":\"text\",\"text\":\"Hel\"},{\"type\":\"text\",\"text\":\"lo\"}]}", "Hello"),
        ("{\"content\":[\"Hel\",\"lo\"]}", "Hello"),
        ("{\"content\":\"Hello\",\"tool_calls\":null,\"function_call\":null,\"refusal\":null}", "Hello"),
        ("{\"content\":\"\\ud83d\\ude00\"}", "\u{1f600}"),
        ("{\"content\":\"Hello\\ud83d\"}", "Hello\u{fffd}"),
        ("{\"content\":\"\\ude00Hello\"}", "\u{fffd}Hello"),
        ("{\"content\":\"Hello\",\"reasoning_content\":\"I think\"}", "Hello"),
    ] {
        rows.push(row(stream(&[message], USAGE), Text(text), reported));
        rows.push(row(whole(message, USAGE), Text(text), reported));
    }
    let choice = |choice: &str| format!("{{\"choices\":[{choice}],{USAGE}}}");
    rows.extend([
        row(stream(&["{\"content\":\"\\ud83d\"}", "{\"content\":\"\\ude00!\"}"], USAGE), Text("\u{1f600}!"), reported),
        row(
            stream(&["{\"role\":\"assistant\",\"content\":null}", "null", "{}", HELLO], USAGE),
            Text("Hello"),
            reported,
        ),
        row(choice("{\"text\":\"Hello\",\"finish_reason\":\"stop\"}"), Text("Hello"), reported),
        row(choice("{\"index\":null,\"message\":{\"content\":\"Hello\"}}"), Text("Hello"), reported),
        row(
            choice("null,{\"index\":0,\"message\":{\"content\":\"Hello\"},\"finish_reason\":\"length\"}"),
            Text("Hello"),
            reported,
        ),
        row(
            choice("{\"message\":{\"content\":\"Hello\"},\"finish_reason\":7,\"logprobs\":{}}"),
            Text("Hello"),
            reported,
        ),
        row(format!(" \n{}", whole(HELLO, USAGE)), Text("Hello"), reported),
        row(
            whole(HELLO, USAGE).replacen('{', "{\"error\":null,\"object\":\"chat.completion\",", 1),
            Text("Hello"),
            reported,
        ),
    ]);
    // Lines without content, and unusual line ends.
    let good = stream(&[HELLO], USAGE);
    for (odd, comes) in [
        (format!("data:\n\n{good}"), Text("Hello")),
        (format!("data: null\n\n{good}"), Text("Hello")),
        (format!(": ping\n\n{good}"), Text("Hello")),
        (format!("event: ping\ndata: {{}}\n\n{good}"), Text("Hello")),
        (format!("\u{feff}{good}"), Text("Hello")),
        (good.replace("\n\n", "\r\n\r\n"), Text("Hello")),
        (good.replace("\n\n", "\r\r"), Text("Hello")),
        (good.replace("data: ", "data:"), Text("Hello")),
        (good.replace("data: ", "id: 1\nevent: message\ndata: "), Text("Hello")),
        (good.replacen("data: [DONE]\n\n", "data: [DONE]", 1), Text("Hello")),
        (good.replacen("data: [DONE]\n\n", "", 1), Text("Hello")),
        (good.replacen("data: [DONE]\n\n", "data: [DO", 1), Text("Hello")),
        (good.replacen("\"choices\":[],", "\"choices\":null,", 1), Text("Hello")),
        (good.replacen("\"choices\":[],", "", 1), Text("Hello")),
        (good.replacen("\"finish_reason\":null", "\"finish_reason\":\"\"", 1), Text("Hello")),
        (good.replacen("\"finish_reason\":null", "\"index\":0", 1), Text("Hello")),
    ] {
        rows.push(row(odd, comes, reported));
    }
    // Truncated responses, cut at various positions.
    let half = |end: &str| {
        format!("{}{end}", event("{\"choices\":[{\"delta\":{\"content\":\"Hel\"},\"finish_reason\":\"\"}]}"))
    };
    for end in [
        "",
        "d",
        "data",
        "data: ",
        "data: {\"choices\":[{\"delta\":{\"content\":\"lo",
        "data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]",
        ": a comm",
        "event: x\n",
        "data: [DON",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud8",
    ] {
        rows.push(row(half(end), BrokenOff("Hel"), None));
    }
    // An error after the text.
    for error in [
        "{\"error\":{\"message\":\"Out of order\",\"code\":500}}",
        "{\"error\":\"Out of order\"}",
        "{\"object\":\"error\",\"message\":\"Out of order\"}",
        "{\"detail\":\"Out of order\"}",
        "{\"code\":500,\"msg\":\"Out of order\"}",
        "{\"choices\":[],\"error\":{\"code\":\"overloaded\"}}",
    ] {
        rows.push(row(half(&event(error)), BrokenOff("Hel"), None));
    }
    rows.push(row(half("event: error\ndata: Out of order\n\n"), BrokenOff("Hel"), None));
    // Responses that are no replies.
    for nothing in [
        "",
        " ",
        "{}",
        "null",
        "[]",
        "\"Hello\"",
        "Not found",
        "<html>Not found</html>",
        "[DONE]",
        "{\"detail\":\"Not found\"}",
        "{\"message\":\"Not found\"}",
        "{\"object\":\"error\",\"message\":\"No model\",\"code\":404}",
        "{\"code\":500,\"msg\":\"No model\"}",
        "{\"error\":{\"message\":\"No model\"}}",
        "{\"error\":\"No model\"}",
        "{\"choices\":[]}",
        "{\"choices\":null}",
        "{\"choices\":{}}",
        "{\"choices\":[null]}",
        "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"index\":0,\"message\":{\"content\":null},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hel",
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0}}",
    ] {
        rows.push(row(nothing, Nothing, None));
    }
    for nothing in [
        "data: [DONE]\n\n".to_owned(),
        event("{}") + "data: [DONE]\n\n",
        event("{\"detail\":\"Not found\"}"),
        event("{\"error\":{\"message\":\"No model\"}}"),
        event("Not found") + "data: [DONE]\n\n",
        stream(&["{\"role\":\"assistant\",\"content\":\"\"}"], ""),
        stream(&[], ""),
        event("{\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}"),
        "event: error\ndata: No model\n\n".to_owned(),
    ] {
        rows.push(row(nothing, Nothing, None));
    }
    // Content for API clients.
    for message in [
        "{\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}",
        "{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}}]}",
        "{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":\"x\"}}]}",
        "{\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}}",
        "{\"content\":\"\",\"refusal\":\"I can't.\"}",
        "{\"audio\":{\"id\":\"a\",\"transcript\":\"Hello\",\"data\":\"AAAA\"}}",
        "{\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]}",
        "{\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a/b.png\"}}]}",
    ] {
        rows.push(row(stream(&[message], USAGE), Beside, reported));
        rows.push(row(whole(message, USAGE), Beside, reported));
        rows.push(row(whole(message, ""), Beside, None));
    }
    for thoughts in [
        "{\"reasoning_content\":\"Let me think\"}",
        "{\"content\":\"\",\"reasoning\":\"Let me think\"}",
        "{\"content\":null,\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Let me think\"}]}",
        "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"Let me think\"}]}",
        "{\"thinking\":\"Let me think\"}",
    ] {
        rows.push(row(stream(&[thoughts], USAGE).replace("\"stop\"", "\"length\""), Thoughts, reported));
        rows.push(row(whole(thoughts, USAGE), Thoughts, reported));
        rows.push(row(stream(&[thoughts], ""), Thoughts, None));
    }
    rows
}
