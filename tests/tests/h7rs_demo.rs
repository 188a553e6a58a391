//! The story that `cargo xtask demo-h7s` tells.

#[test]
fn three_boot_paths_updates_a_revert_and_attacks() {
    let mut lines = Vec::new();
    let rows = ironroot_tests::demo_h7s::tell(&mut |line| lines.push(line.to_owned()));
    let rows = rows.unwrap_or_else(|why| panic!("{}\n{why}", lines.join("\n")));
    assert_eq!(rows.len(), 4);
    assert_eq!(lines.iter().filter(|line| line.contains("attack")).count(), 8, "{lines:#?}");
}
