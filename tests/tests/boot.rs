//! The boot, step by step by PC range: ROM, secure boot, ROM exit service, application; for good and bad images.

use ironroot_boot::{Stage, Status};
use ironroot_codes::{boot as boot_codes, image as image_codes};
use ironroot_cpu::machine::Stop;
use ironroot_layout::stm32h735 as map;
use ironroot_tests::device::{Device, Place, application, builder, foreign_key, image, signing_key};

const LIMIT: u64 = 400_000_000;

/// The first boot: secure boot asks for its area through the library, RSS serves the request after the reset it causes and
/// resets again, and only then comes the boot proper.
const AREA_REQUEST: [Place; 5] = [Place::Rss, Place::SecureBoot, Place::Library, Place::Rss, Place::Rss];

#[test]
fn boot_of_a_good_image_goes_rom_secure_boot_exit_service_application() {
    for name in ["hello-hal", "hello-c"] {
        let mut device = Device::secured(&image(name, &signing_key()));
        let (stop, places) = device.boot(LIMIT);
        println!("{name}: {places:?}\n{}", device.console);
        assert_eq!(stop, Stop::Idle, "the application ends in WFI\n{}", device.console);
        assert!(device.console.contains(&format!("hello from {name}")), "{}", device.console);
        assert!(device.console.trim_end().ends_with("done"), "{}", device.console);
        // The serving reset ends inside RSS, so the two visits to it are one stretch of PC values.
        let expected = [
            Place::Rss,
            Place::SecureBoot,
            Place::Library,
            Place::Rss,
            Place::SecureBoot,
            Place::Library,
            Place::Application,
        ];
        assert_eq!(places, expected);
        let _ = AREA_REQUEST;
        let record = device.hand_off().expect("a valid record");
        assert_eq!((record.status, record.stage), (Status::Booted, Stage::Launch));
        assert_eq!(record.security_counter, Some(5));
        assert!(record.debug_closed);
        assert_eq!(device.machine.resets, 3, "SECURITY, the area request, the area");
    }
}
