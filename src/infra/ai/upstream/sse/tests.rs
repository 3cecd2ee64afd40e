use super::*;

#[tokio::test]
async fn events_come_out_as_they_went_in_however_they_were_cut() {
    let text = "data: {\"a\":1}\n\n: note\n\ndata:x\r\n\r\ndata: 1\rdata: 2\r\rdata: ü\n\ndata: [DONE]";
    let expected =
        ["data: {\"a\":1}\n\n", ": note\n\n", "data:x\r\n\r\n", "data: 1\rdata: 2\r\r", "data: ü\n\n", "data: [DONE]"];
    let datas = [Some("{\"a\":1}"), None, Some("x"), Some("1\n2"), Some("ü"), Some("[DONE]")];
    for size in 1..=text.len() {
        let (mut splitter, mut events) = (Splitter::new(Framing::Events, LargeAnswers::default()), Vec::new());
        for chunk in text.as_bytes().chunks(size) {
            splitter.push(chunk).await;
            events.extend(std::iter::from_fn(|| splitter.next()));
        }
        events.extend(splitter.last());
        assert_eq!(events, expected, "{size}");
        let found: Vec<_> = events.iter().map(|event| data(event)).collect();
        assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), datas, "{size}");
    }
}

/// Returns the CPU time of this thread, which is independent of other load.
fn cpu_time() -> std::time::Duration {
    nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap().into()
}

#[tokio::test]
async fn time_grows_with_the_bytes_and_not_faster() {
    async fn took(text: &[u8], chunk: usize) -> std::time::Duration {
        let mut least = std::time::Duration::MAX;
        for _ in 0..5 {
            let began = cpu_time();
            let mut splitter = Splitter::new(Framing::Events, LargeAnswers::default());
            for chunk in text.chunks(chunk) {
                splitter.push(chunk).await;
                while splitter.next().is_some() {}
            }
            least = least.min(cpu_time() - began);
        }
        least
    }
    // Many events in one chunk; one event in many chunks.
    for (pattern, chunk) in [("\n\n", usize::MAX), ("data: x\n\n", usize::MAX), ("xxxxxxxx", 64), ("\r", usize::MAX)] {
        let (short, long) = (pattern.repeat(8_000), pattern.repeat(64_000));
        let (short, long) = (took(short.as_bytes(), chunk).await, took(long.as_bytes(), chunk).await);
        assert!(long <= short * 30, "{pattern:?}: {short:?}, and eight times as much {long:?}");
    }
}
