use super::*;

#[test]
fn each_failure_hides_a_message_for_longer_and_what_cannot_be_read_need_not_wait() {
    let seconds = |times| after(NotDone::Later, times).as_secs();
    assert_eq!([1, 2, 3, 4, 5, 1_000, u32::MAX].map(seconds), [10, 30, 90, 180, 180, 180, 180]);
    assert_eq!(seconds(0), 10, "a queue that does not count");
    assert_eq!(after(NotDone::Never, 3), Duration::ZERO);
    let until_dead: u64 = (1..=5).map(seconds).sum();
    assert!(until_dead < 10 * 60, "{until_dead} s");
}
