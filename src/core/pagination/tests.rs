use super::*;

#[test]
fn sizes_out_of_range_are_refused_not_clamped() {
    for size in [i32::MIN, -1, 0, 101, i32::MAX] {
        assert!(PageRequest::new(Some(size), None, None, None).is_err(), "{size}");
        assert!(PageRequest::new(None, Some(size), None, None).is_err(), "{size}");
    }
    assert!(PageRequest::new(Some(1), Some(1), None, None).is_err());
    assert!(PageRequest::new(Some(100), None, None, None).is_ok());
    assert_eq!(PageRequest::new(None, None, None, None).unwrap().size, DEFAULT_SIZE);
}

#[test]
fn pages_of_a_list_in_memory_have_no_gaps() {
    let ids = [9, 3, 7, 1, 5];
    let range = |first, last, after: Option<i64>, before: Option<i64>| {
        let page = PageRequest::new(first, last, after.map(Cursor::from), before.map(Cursor::from)).unwrap();
        page.range(&ids).ok()
    };
    assert_eq!(range(Some(2), None, None, None), Some(0..2));
    assert_eq!(range(Some(2), None, Some(3), None), Some(2..4));
    assert_eq!(range(Some(2), None, Some(1), None), Some(4..5));
    assert_eq!(range(None, Some(2), None, Some(1)), Some(1..3));
    assert_eq!(range(None, Some(9), None, None), Some(0..5));
    assert_eq!(range(Some(2), None, Some(5), Some(9)), Some(5..5));
    assert_eq!(range(None, None, Some(4), None), None, "no such row");
}
