//! The bootloader of the STM32H7R/7S on the virtual chip: the protocol, and a device provisioned through it from Open to Closed.

use ironroot_codes::h7rs as codes;
use ironroot_crypto::{Crypto, Software};
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::obkeys::{DA_PASSWORD, IROT_CONFIG};
use ironroot_layout::stm32h7rs::rsslib::SUCCESS;
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, Hdpl, ProductState};
use ironroot_tests::h7rs::{CONSOLE, Device, signing_key};
use ironroot_tests::h7rs_system::{PASSWORD, board, config, da_config, device, program, result};
use ironroot_uart_bootloader::host::{Exchange, Poll};
use ironroot_uart_bootloader::special;

/// Moves the bytes of one exchange; its answer, or that it was refused.
fn exchange(device: &mut Device, exchange: Exchange) -> Result<Vec<u8>, ()> {
    finish(device, exchange).map(|done| done.answer().to_vec())
}

fn finish(device: &mut Device, mut exchange: Exchange) -> Result<Exchange, ()> {
    let mut line = std::collections::VecDeque::new();
    for _ in 0..200_000 {
        match exchange.poll() {
            Poll::Send(bytes) => {
                let bytes = bytes.to_vec();
                device.machine.core.bus.feed_uart_input(CONSOLE, &bytes);
            }
            Poll::Receive(_) => {
                // Programming takes virtual time, in which the core polls.
                let mut left = 100;
                while line.is_empty() && left > 0 {
                    device.machine.run(500_000);
                    line.extend(device.machine.core.bus.take_uart_output(CONSOLE));
                    left -= 1;
                }
                let byte = line.pop_front().unwrap_or_else(|| {
                    let chip = &mut device.machine.core.bus;
                    let (level, warnings) = (chip.hdpl(), chip.take_warnings());
                    panic!("no answer at {:#010x}, {level:?}, {warnings:?}", device.machine.core.r[15])
                });
                if exchange.received(byte).is_err() {
                    return Err(());
                }
            }
            Poll::Done => return Ok(exchange),
        }
    }
    panic!("the exchange does not end")
}

fn connect(device: &mut Device) {
    device.machine.run(50_000_000);
    exchange(device, Exchange::sync()).expect("synchronised");
}

/// A special command: its data, and its status.
fn call(device: &mut Device, code: u16, data: &[u8], write: &[u8]) -> (Vec<u8>, u32) {
    let asked = if write.is_empty() {
        Exchange::special(code, data)
    } else {
        Exchange::extended_special(code, data, write)
    };
    let done = finish(device, asked.expect("short enough")).expect("served");
    let (data, status) = done.special_answer();
    (data.to_vec(), u32::from_le_bytes(status.try_into().expect("four bytes")))
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn provision(device: &mut Device, destination: u32, content: &[u8]) -> u32 {
    let data = words(&[destination, content.len() as u32, 1, crc(content)]);
    call(device, special::DATA_PROVISIONING, &data, content).1
}

#[test]
fn a_device_is_provisioned_from_open_to_closed() {
    let mut board = board(Part::Stm32h7s7, ProductState::Open, DebugAuthentication::None, false);
    board.set_boot0(true);
    let mut device = device(&board);
    connect(&mut device);
    assert_eq!(exchange(&mut device, Exchange::get_id()), Ok(vec![0x04, 0x85]));

    // A program into flash, read back, the sector protected.
    let image = program("h7rs_probe", 0x0800_0000, &[u32::MAX]);
    for (index, block) in image.chunks(256).enumerate() {
        let address = 0x0800_0000 + 256 * index as u32;
        let mut block = block.to_vec();
        block.resize(block.len().next_multiple_of(4), 0xFF);
        exchange(&mut device, Exchange::write(address, &block).expect("short enough")).expect("written");
    }
    let read = exchange(&mut device, Exchange::read(0x0800_0000, 64).expect("short enough")).expect("read");
    assert_eq!(read, image[..64]);
    let wrp = words(&[0x5200_221C, 0xFF, 0xFE]);
    assert_eq!(call(&mut device, special::SET_OPTION, &wrp, &[]).1, special::OK);

    // State, keys of the first stage, and debug authentication, which RSS writes behind a reset.
    let state = |state: ProductState| words(&[u32::from(state.number())]);
    assert_eq!(
        call(&mut device, special::SET_PRODUCT_STATE, &state(ProductState::Provisioning), &[]).1,
        special::OK
    );
    let stage = config(&signing_key(), |_| {});
    assert_eq!(provision(&mut device, IROT_CONFIG.word(), &stage), special::OK);
    // Closing without a way back is refused.
    let closing = call(&mut device, special::SET_PRODUCT_STATE, &state(ProductState::Closed), &[]).1;
    assert_eq!(closing, u32::from(codes::STATE_NO_WAY_BACK.number()));
    let da = da_config(&Software.sha256_of(PASSWORD), 0);
    assert_eq!(provision(&mut device, DA_PASSWORD.word(), &da), special::OK);
    connect(&mut device);
    assert_eq!(call(&mut device, special::GET_STATUS, &[], &[]), (words(&[SUCCESS]), special::OK));
    let got = call(&mut device, special::GET_PRODUCT_STATE, &[], &[]);
    assert_eq!(got, (state(ProductState::Provisioning), special::OK));
    let (options, _) = call(&mut device, special::OPTION_WORDS, &[], &[]);
    assert_eq!(options.len(), 28);
    assert_eq!(options[5], DebugAuthentication::Password.bits());
    assert_eq!(options[8], 0xFE);

    let keys = device.machine.core.bus.flash().keys();
    assert_eq!(keys.get(Hdpl::Level0, 8).expect("a key").bytes(), &da[..32]);
    assert_eq!(keys.get(Hdpl::Level1, 15).expect("a key").bytes(), &stage[224..]);
    assert_eq!(
        call(&mut device, special::SET_PRODUCT_STATE, &state(ProductState::Closed), &[]).1,
        special::OK
    );
    device.reboot();
    assert_eq!(device.machine.core.bus.product_state(), ProductState::Closed);
    assert!(result(&device).1 != 0, "the program in flash runs, whatever the boot pin says");
}

#[test]
fn a_host_gets_nothing_that_is_not_its_own() {
    let mut board = board(Part::Stm32h7s7, ProductState::Provisioning, DebugAuthentication::None, false);
    board.set_boot0(true);
    let mut device = device(&board);
    connect(&mut device);
    for address in [
        0x1FF0_0000,
        0x1FF1_6000,
        0x2000_0000,
        0x2405_FFC0,
        0x3000_7FC0,
        0x5200_2110,
        0x4802_1010,
        0x5C00_1100,
    ] {
        assert!(exchange(&mut device, Exchange::read(address, 16).expect("short")).is_err(), "{address:#x}");
        assert!(
            exchange(&mut device, Exchange::write(address, &[0; 16]).expect("short")).is_err(),
            "{address:#x}"
        );
    }
    assert!(exchange(&mut device, Exchange::go(0x1FF0_0000)).is_err());
    assert!(exchange(&mut device, Exchange::go(0x0800_0000)).is_err());
    let content = [0; 32];
    let wrong = words(&[IROT_CONFIG.word(), 32, 0, crc(&content) ^ 1]);
    let refused = call(&mut device, special::DATA_PROVISIONING, &wrong, &content).1;
    assert_eq!(refused, u32::from(codes::PROVISIONING_CRC.number()));
    let state = words(&[0x5200_2204, 0xFF, 0x51]);
    let refused = call(&mut device, special::SET_OPTION, &state, &[]).1;
    assert_eq!(refused, u32::from(codes::OPTION_WORD_REFUSED.number()));
    assert_eq!(call(&mut device, 0x0999, &[], &[]).1, special::UNKNOWN);
}

/// What a host starts runs at level 3: it cannot read the keys that were just provisioned.
#[test]
fn a_started_program_is_at_level_3() {
    let mut board = board(Part::Stm32h7s7, ProductState::Provisioning, DebugAuthentication::None, false);
    board.set_boot0(true);
    let mut device = device(&board);
    connect(&mut device);
    let place = 0x2400_0000;
    for (index, block) in program("h7rs_probe", place, &[u32::MAX]).chunks(256).enumerate() {
        let address = place + 256 * index as u32;
        exchange(&mut device, Exchange::write(address, block).expect("short enough")).expect("written");
    }
    exchange(&mut device, Exchange::go(place)).expect("started");
    device.boot();
    assert_eq!(result(&device), (0, u32::from(Hdpl::Level3.bits())));
}
