//! Random frames at both ends: no panic, no damage, and the device always finds back.

mod common;

use common::{BASE, Chip, SIZE, feed, synchronised};
use ironroot_uart_bootloader::host::{Exchange, Poll};
use ironroot_uart_bootloader::protocol::{COMMANDS, checksum};
use proptest::prelude::*;

/// A frame that is right but for what `twist` does to one byte.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        (0..=u32::MAX).prop_map(|a| a.to_be_bytes().to_vec()),
        (BASE - 4..BASE + SIZE + 4).prop_map(|a| a.to_be_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|mut data| {
            data.insert(0, (data.len() as u8).wrapping_sub(1));
            data
        }),
        prop::collection::vec(any::<u8>(), 0..140).prop_map(|data| {
            let mut field = (data.len() as u16).to_be_bytes().to_vec();
            field.extend(data);
            field
        }),
    ];
    let command = prop::sample::select(COMMANDS.map(|entry| entry.opcode).to_vec());
    (command, prop::collection::vec(field, 0..4)).prop_map(|(opcode, fields)| {
        let mut frame = vec![opcode, !opcode];
        for mut field in fields {
            field.push(checksum(&field));
            frame.extend(field);
        }
        frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn random_bytes_never_panic_and_every_answer_is_bounded(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let (mut device, mut chip) = (synchronised(), Chip::default());
        let (answer, _) = feed(&mut device, &mut chip, &bytes);
        // A byte causes at most a full block, an answer and its frame.
        prop_assert!(answer.len() <= bytes.len() * 300);
    }

    #[test]
    fn a_frame_with_one_wrong_bit_changes_no_memory(
        address in BASE..BASE + SIZE - 64,
        data in prop::collection::vec(any::<u8>(), 1..64),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let mut script = Exchange::write(address, &data).expect("fits");
        let mut bytes = Vec::new();
        // All of it at once: the answers do not change what is sent.
        loop {
            match script.poll() {
                Poll::Send(more) => bytes.extend_from_slice(more),
                Poll::Receive(_) => script.received(0x79).expect("an ACK"),
                Poll::Done => break,
            }
        }
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (mut device, mut chip) = (synchronised(), Chip::default());
        feed(&mut device, &mut chip, &bytes);
        prop_assert_eq!(chip.memory, Chip::default().memory);
    }

    #[test]
    fn frames_of_all_commands_leave_a_device_that_can_be_asked_again(frames in prop::collection::vec(frame(), 1..6)) {
        let (mut device, mut chip) = (synchronised(), Chip::default());
        for frame in frames {
            feed(&mut device, &mut chip, &frame);
        }
        // Nothing that a host sends can keep it: 128 KB of zeros end any frame, and a reset is a first byte away.
        feed(&mut device, &mut chip, &vec![0; 0x2_1000]);
        feed(&mut device, &mut chip, &[0x7F, 0x7F, 0x7F]);
        prop_assert!(device.is_synchronised());
    }

    #[test]
    fn level_1_gives_nothing_away(bytes in prop::collection::vec(any::<u8>(), 0..400), frame in frame()) {
        let mut chip = Chip { level1: true, ..Chip::default() };
        chip.memory.fill(0xA7);
        let before = chip.clone();
        let mut device = synchronised();
        let mut all = feed(&mut device, &mut chip, &frame).0;
        all.extend(feed(&mut device, &mut chip, &bytes).0);
        prop_assert_eq!(chip, before);
        prop_assert!(!all.contains(&0xA7));
    }

    #[test]
    fn a_host_survives_any_answer(bytes in prop::collection::vec(any::<u8>(), 0..1200), ack in 0..6_usize) {
        for mut script in [
            Exchange::get(),
            Exchange::get_id(),
            Exchange::read(BASE, 256).expect("fits"),
            Exchange::extended_special(1, &[2], &[3]).expect("fits"),
            Exchange::erase_all(),
        ] {
            let mut line = std::iter::repeat_n(0x79, ack).chain(bytes.iter().copied());
            loop {
                match script.poll() {
                    Poll::Send(_) => {}
                    Poll::Done => break,
                    Poll::Receive(_) => match line.next() {
                        None => break,
                        Some(byte) => { let _ = script.received(byte); }
                    },
                }
            }
            prop_assert!(script.answer().len() <= 1088);
        }
    }
}
