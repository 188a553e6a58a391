//! The flasher's end: against our device, and against answers that no device should give.

mod common;

use common::{BASE, Chip, exchange, synchronised};
use ironroot_uart_bootloader::device::{Device, Next};
use ironroot_uart_bootloader::host::{Error, Exchange, Part, Poll};

/// A command that must succeed.
fn ok(chip: &mut Chip, mut script: Exchange) -> (Exchange, Vec<Next>) {
    let next = exchange(&mut synchronised(), chip, &mut script).expect("no timeout").expect("no refusal");
    (script, next)
}

fn refused(chip: &mut Chip, mut script: Exchange) -> Error {
    exchange(&mut synchronised(), chip, &mut script).expect("no timeout").expect_err("a refusal")
}

#[test]
fn every_command_against_our_device() {
    let chip = &mut Chip::default();
    assert_eq!(ok(chip, Exchange::get()).0.answer()[..3], [0x31, 0x00, 0x01]);
    assert_eq!(ok(chip, Exchange::get_version()).0.answer(), [0x31, 0, 0]);
    assert_eq!(ok(chip, Exchange::get_id()).0.answer(), [0x04, 0x83]);
    let data: Vec<u8> = (0..=255).collect();
    ok(chip, Exchange::write(BASE, &data).unwrap());
    assert_eq!(ok(chip, Exchange::read(BASE, 256).unwrap()).0.answer(), data);
    assert_eq!(ok(chip, Exchange::read(BASE + 5, 1).unwrap()).0.answer(), [5]);
    assert_eq!(ok(chip, Exchange::go(BASE)).1, [Next::Start(BASE)]);
    ok(chip, Exchange::erase_sectors(&[0, 1, 7]).unwrap());
    ok(chip, Exchange::erase_all());
    ok(chip, Exchange::erase_code(0xFFFE).unwrap());
    assert_eq!(ok(chip, Exchange::write_protect(&[2]).unwrap()).1, [Next::Reset]);
    assert_eq!(ok(chip, Exchange::write_unprotect()).1, [Next::Reset]);
    assert_eq!(ok(chip, Exchange::readout_protect()).1, [Next::Reset]);
    assert_eq!(ok(chip, Exchange::readout_unprotect()).1, [Next::Unprotect]);
    let (script, next) = ok(chip, Exchange::special(0x110, &[1, 2, 3]).unwrap());
    assert_eq!(script.special_answer(), (&[1, 2, 3][..], &[4, 3, 2, 1][..]));
    assert_eq!(next, [Next::Serve]);
    let (script, _) = ok(chip, Exchange::extended_special(0x200, &[], &[5; 1024]).unwrap());
    assert_eq!(script.special_answer(), (&[][..], &[4, 3, 2, 1][..]));
    assert_eq!(
        chip.done,
        [
            "erase Sectors(131)",
            "erase All",
            "erase Bank1",
            "protect 0x4",
            "unprotect",
            "level 1",
            "special 0x110 3 0",
            "special 0x200 0 1024"
        ]
    );
}

#[test]
fn a_refusal_says_where() {
    let chip = &mut Chip { level1: true, ..Chip::default() };
    assert_eq!(refused(chip, Exchange::read(BASE, 1).unwrap()), Error::Nack(Part::Command));
    let chip = &mut Chip::default();
    assert_eq!(refused(chip, Exchange::read(0, 1).unwrap()), Error::Nack(Part::Address));
    assert_eq!(refused(chip, Exchange::read(BASE + 0xFFF, 2).unwrap()), Error::Nack(Part::Data));
    assert_eq!(refused(chip, Exchange::erase_sectors(&[9]).unwrap()), Error::Nack(Part::Data));
    assert_eq!(refused(chip, Exchange::sync()), Error::Nack(Part::Command), "synchronised already");
}

#[test]
fn silence_is_a_timeout_and_no_end() {
    assert!(exchange(&mut Device::new(), &mut Chip::default(), &mut Exchange::get()).is_none());
}

#[test]
fn arguments_that_fit_no_frame() {
    assert!(Exchange::read(0, 0).is_err() && Exchange::read(0, 257).is_err());
    assert!(Exchange::write(0, &[]).is_err() && Exchange::write(0, &[0; 257]).is_err());
    assert!(Exchange::erase_sectors(&[]).is_err() && Exchange::erase_sectors(&[0; 257]).is_err());
    assert!(Exchange::erase_code(7).is_err() && Exchange::write_protect(&[]).is_err());
    assert!(Exchange::special(0, &[0; 129]).is_err());
    assert!(Exchange::extended_special(0, &[], &[0; 1025]).is_err());
}

/// Feeds `bytes` as they are asked for; the first refusal.
fn against(mut script: Exchange, bytes: &[u8]) -> Option<Error> {
    let mut line = bytes.iter();
    loop {
        match script.poll() {
            Poll::Send(_) => {}
            Poll::Done => return script.error(),
            Poll::Receive(_) => {
                if let Err(error) = script.received(*line.next()?) {
                    assert_eq!(script.poll(), Poll::Done, "a failed command is over");
                    return Some(error);
                }
            }
        }
    }
}

#[test]
fn answers_that_no_device_should_give() {
    assert_eq!(against(Exchange::get(), &[0x00]), Some(Error::Unexpected(0)));
    assert_eq!(against(Exchange::get_id(), &[0x79, 1, 4, 0x83, 0x42]), Some(Error::Unexpected(0x42)));
    let special = || Exchange::special(0x100, &[]).unwrap();
    assert_eq!(against(special(), &[0x79, 0x79, 0x79, 0xFF, 0xFF]), Some(Error::TooLong));
    let mut long = vec![0x79, 0x79, 0x79, 0x04, 0x00];
    long.extend([0; 1024]);
    long.extend([0x04, 0x00]);
    long.extend([0; 1024]);
    assert_eq!(against(special(), &long), Some(Error::TooLong));
    assert_eq!(against(Exchange::erase_all(), &[0x79, 0x76, 0x76, 0x79]), None, "busy, then done");
    let mut done = Exchange::sync();
    done.poll();
    assert!(done.received(0x79).is_ok());
    assert_eq!(done.received(0x79), Err(Error::Unexpected(0x79)), "a byte too many");
}
