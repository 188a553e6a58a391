//! `ironroot provision`: a virtual device from fresh to closed and back, interrupted everywhere, and what is refused.

use std::io::Write;
use std::sync::OnceLock;

use ironroot_chip_h7rs::BoardH7;
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::state::{Hdpl, ProductState};
use ironroot_tests::wire::Wire;
use ironroot_tests::{Run, Scratch, firmware, ironroot};

/// What a bench is made with.
#[derive(Clone, Copy)]
struct Setup {
    part: &'static str,
    boot: &'static str,
    execute: &'static str,
    update: &'static str,
    debug: &'static str,
    state: &'static str,
    /// The example application that is linked for the place.
    application: &'static str,
}

const OEMIROT: Setup = Setup {
    part: "stm32h7s7",
    boot: "oemirot",
    execute: "external-ram",
    update: "overwrite",
    debug: "certificate",
    state: "closed",
    application: "h7rs-hello-c-70000400",
};

impl Setup {
    fn description(&self) -> String {
        let Setup { part, boot, execute, update, debug, state, .. } = self;
        let credential = if *debug == "password" { "password.txt" } else { "debug.pem" };
        format!(
            "[product]\nname = \"bench\"\ndevice = \"{part}\"\nboot = \"{boot}\"\nexecute = \"{execute}\"\nupdate = \"{update}\"\n\
             [board]\nname = \"STM32H7S78-DK\"\n[memories]\nexternal-flash.size = \"128M\"\nexternal-ram.size = \"32M\"\n\
             [keys]\nsign = \"sign.pem\"\nencrypt = \"enc.pem\"\nstage-sign = \"sign2.pem\"\nstage-encrypt = \"enc2.pem\"\n\
             debug = \"{credential}\"\n[image]\nversion = \"1.2.3\"\n[protections]\nstate = \"{state}\"\ndebug = \"{debug}\"\n\
             [application]\nopen = \"sram\"\n"
        )
        .replace("debug = \"debug.pem\"\n", if *debug == "locked" { "" } else { "debug = \"debug.pem\"\n" })
        .replace("stage-sign = \"sign2.pem\"\nstage-encrypt = \"enc2.pem\"\n", match *boot {
            "stirot-oemurot" => "stage-sign = \"sign2.pem\"\nstage-encrypt = \"enc2.pem\"\n",
            _ => "",
        })
    }
}

/// The example application where STiRoT loads it.
fn link_for_stirot(dir: &Scratch) {
    let made = std::process::Command::new("make")
        .args(["--silent", "PROGRAM=hello", "NAME=app", "ORIGIN=0x24000400", "LENGTH=0x1F800"])
        .arg(format!("OUT={}", dir.path("").display()))
        .current_dir(ironroot_tests::root().join("firmware/apps/h7rs-hello-c"))
        .status()
        .expect("make is installed");
    assert!(made.success());
}

const UID: &str = "495256440000000000000001";
const PASSWORD: &str = "0penSesame-42/xy";

/// A directory with a description, keys, an image and a fresh board.
struct Bench {
    dir: Scratch,
}

impl Bench {
    fn new(setup: &Setup) -> Self {
        let dir = Scratch::new();
        dir.write("ironroot.toml", setup.description().as_bytes());
        for key in ["sign", "enc", "sign2", "enc2", "debug", "other"] {
            dir.ironroot(&format!("keys generate -o {key}.pem")).ok();
        }
        dir.write_secret("password.txt", format!("{PASSWORD}\n").as_bytes());
        match setup.application {
            "" => link_for_stirot(&dir),
            name => dir.copy(&firmware(name), "app.elf"),
        }
        dir.ironroot("app image app.elf -o app.bin").ok();
        dir.ironroot(&format!("vdev new my.board --part {} --uid {UID}", setup.part)).ok();
        Self { dir }
    }

    fn run(&self, command: &str) -> Run {
        self.run_on("vdev:my.board", command)
    }

    fn run_on(&self, device: &str, command: &str) -> Run {
        self.dir.ironroot(&Self::line(device, command))
    }

    /// The same for people.
    fn text(&self, command: &str) -> String {
        let line = Self::line("vdev:my.board", command);
        self.dir.ironroot(line.strip_suffix(" --json").expect("the last option")).ok().stdout
    }

    /// Puts bytes into the external flash.
    fn external(&self, bytes: &[u8], at: u32) {
        self.dir.write("bytes.bin", bytes);
        self.dir.ironroot(&format!("vdev external my.board --write bytes.bin --at {at:#x}")).ok();
    }

    fn line(device: &str, command: &str) -> String {
        let stages = firmware("iloader");
        let stages = stages.parent().expect("a directory").display().to_string();
        format!("provision {command} --device {device} --image app.bin --firmware {stages} --json")
    }

    /// The keys of the hardware as a file, so that two runs can be compared.
    fn hardware_keys(&self) {
        let mut file = [0x100_u32, 96, 0].map(u32::to_le_bytes).concat();
        file.extend((0..96).map(|byte| byte ^ 0x5A));
        self.dir.write_secret("ahk.obk", &file);
    }

    fn board(&self) -> BoardH7 {
        BoardH7::load(&self.dir.path("my.board")).expect("a board")
    }

    fn state(&self) -> ProductState {
        self.board().options().product_state()
    }

    /// What the device says when it is powered on.
    fn boot(&self) -> String {
        self.dir.ironroot("vdev run my.board").ok().stdout
    }

    #[track_caller]
    fn steps(run: &Run) -> Vec<(String, String)> {
        let result = run.last("result");
        let steps = result["steps"].as_array().expect("a list");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        steps.iter().map(|step| (text(&step["step"]), text(&step["status"]))).collect()
    }
}

#[track_caller]
fn assert_same(one: &BoardH7, other: &BoardH7, what: &str) {
    assert_eq!(one.options(), other.options(), "{what}");
    assert!(one.flash() == other.flash(), "{what}: user flash");
    assert!(one.persistent().keys == other.persistent().keys, "{what}: keys");
    assert!(one.external() == other.external(), "{what}: external flash");
}

#[test]
fn a_fresh_device_is_planned_rehearsed_closed_and_reported() {
    let bench = Bench::new(&OEMIROT);
    let before = bench.dir.read("my.board");
    let plan = bench.run("plan").ok();
    let result = plan.last("result");
    assert_eq!(result["unique_id"], UID);
    assert_eq!(result["board"]["loader"], "MX66UW1G45G_STM32H7S78-DK.stldr");
    let steps = Bench::steps(&plan);
    assert!(steps.iter().all(|(_, status)| status == "differs" || status == "as wanted"), "{steps:?}");
    let names: Vec<&str> = steps.iter().map(|(name, _)| name.as_str()).collect();
    let at = |name: &str| {
        names.iter().position(|step| step.starts_with(name)).unwrap_or_else(|| panic!("{name}: {names:?}"))
    };
    let order = [
        "option OBW1SRP",
        "state Provisioning",
        "keys DA_Config",
        "keys OEMiROT_Config",
        "boot code",
        "image application",
        "option WRPSRP",
        "state Closed",
    ];
    assert!(order.map(at).is_sorted(), "{names:?}");
    assert_eq!(bench.dir.read("my.board"), before);
    assert!(!bench.dir.path("my.board.provision").exists());

    // Neither without a rehearsal, nor after one with a credential that is not this product's.
    bench.run(&format!("run --confirm {UID}")).refused("IR-8105", 5);
    bench.run("rehearse --credential other.pem").refused("IR-8106", 3);
    bench.run(&format!("run --confirm {UID}")).refused("IR-8105", 5);
    let rehearsed = bench.run("rehearse").ok().last("result");
    assert_eq!(rehearsed["credential"], "certificate");
    assert_eq!(rehearsed["application"]["version"], "1.2.3");
    assert_eq!(bench.dir.read("my.board"), before, "the device is as it was");

    // Not without this device's id.
    bench.run("run").refused("IR-1009", 5);
    bench.run("run --confirm 495256440000000000000002").refused("IR-1009", 5);
    bench.run("run --dry-run").ok();
    assert_eq!(bench.dir.read("my.board"), before);
    let done = bench.run(&format!("run --confirm {UID}")).ok().last("result");
    assert_eq!((&done["applied"], &done["state"]), (&true.into(), &"Closed".into()));
    assert_eq!(bench.state(), ProductState::Closed);

    let report = bench.run("report -o report.json").ok().last("result");
    assert_eq!((&report["as_wanted"], &report["finished"]), (&true.into(), &true.into()));
    let console = bench.boot();
    assert!(console.contains("verified: version 1.2.3+0"), "{console}");
    assert!(console.contains("hello from h7rs-hello-c"), "{console}");
    // The stage has installed the image, and recorded its version: in use, and still what was wanted.
    let report = bench.run("report").ok().last("result");
    assert_eq!(report["as_wanted"], true);
    let status = bench.run("status").ok();
    assert_eq!(status.last("result")["journal_stands"], "finished");
    assert!(Bench::steps(&status).iter().any(|(_, status)| status == "in use since"));
    bench.run(&format!("resume --confirm {UID}")).refused("IR-8104", 2);
    let again = bench.run("run").ok().last("result");
    assert_eq!(again["performed"], 0, "nothing is left to do");

    // Nothing secret in what is left behind.
    let private = bench.dir.read("enc.pem");
    let left =
        ["my.board.provision", "my.board.rehearsal", "report.json"].map(|name| bench.dir.read(name)).concat();
    let left = String::from_utf8(left).expect("text");
    let keys = bench.board();
    let keys = &keys.persistent().keys;
    for index in (0..32).filter(|index| keys.get(Hdpl::Level1, *index).is_some()) {
        let key = keys.get(Hdpl::Level1, index).expect("a key").bytes().to_vec();
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!left.contains(&hex), "key {index}");
    }
    let body = String::from_utf8(private).expect("PEM");
    assert!(body.lines().filter(|line| line.len() > 40).all(|line| !left.contains(line)));
}

#[test]
fn a_password_is_no_secret_of_the_journal() {
    let bench = Bench::new(&Setup { debug: "password", ..OEMIROT });
    bench.dir.write_secret("wrong.txt", b"0penSesame-42/xz");
    bench.run("rehearse --credential wrong.txt").refused("IR-8106", 3);
    let rehearsed = bench.run("rehearse").ok().last("result");
    assert_eq!(rehearsed["credential"], "password");
    let run = bench.run(&format!("run --confirm {UID}")).ok();
    let report = bench.run("report -o report.json").ok();
    let mut left = run.stdout + &report.stdout;
    for name in ["my.board.provision", "my.board.rehearsal", "report.json"] {
        left += &String::from_utf8(bench.dir.read(name)).expect("text");
    }
    assert!(!left.contains(PASSWORD));
    // Nor what it could be tried out against: its hash, or that of the keys with it.
    let keys = bench.board();
    let keys = &keys.persistent().keys;
    let content: Vec<u8> =
        (8..11).flat_map(|index| keys.get(Hdpl::Level0, index).expect("a key").bytes().to_vec()).collect();
    for secret in [&content[32..64], &content[..32], &ironroot::st::obk::sha256(&content)[..]] {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!left.contains(&hex), "{hex}");
    }
}

/// A bench whose rehearsal is done, and the board that an uninterrupted run makes of it.
fn prepared() -> (&'static Bench, &'static BoardH7, &'static Vec<u8>) {
    static BENCH: OnceLock<(Bench, BoardH7, Vec<u8>)> = OnceLock::new();
    let (bench, board, fresh) = BENCH.get_or_init(|| {
        let bench = Bench::new(&OEMIROT);
        bench.hardware_keys();
        let fresh = bench.dir.read("my.board");
        bench.run("rehearse --obk ahk.obk").ok();
        bench.run(&format!("run --obk ahk.obk --confirm {UID}")).ok();
        let board = bench.board();
        (bench, board, fresh)
    });
    (bench, board, fresh)
}

#[test]
fn interrupted_anywhere_it_resumes_to_the_same_board() {
    let (bench, wanted, fresh) = prepared();
    let mut places = 0;
    for place in 0.. {
        bench.dir.write("my.board", fresh);
        let _ = std::fs::remove_file(bench.dir.path("my.board.provision"));
        let run = bench.run(&format!("run --obk ahk.obk --confirm {UID} --stop-after {place}"));
        if run.exit == 0 {
            break;
        }
        run.refused("IR-1010", 8);
        places += 1;
        if place % 3 == 0 {
            // The last line was on its way to the disk.
            let journal = bench.dir.read("my.board.provision");
            bench.dir.write("my.board.provision", &journal[..journal.len() - 7]);
        }
        // The same command goes on, as every interrupted one does; `resume` too, if there is something to resume.
        let began = bench.dir.read("my.board.provision").contains(&b'\n');
        let command = if began && place % 2 == 0 { "resume" } else { "run" };
        let done = bench.run(&format!("{command} --obk ahk.obk --confirm {UID}"));
        assert_eq!(done.exit, 0, "place {place}: {}{}", done.stdout, done.stderr);
        assert_same(&bench.board(), wanted, &format!("place {place}"));
    }
    assert!(places > 30, "{places}");
}

#[test]
fn the_power_may_go_while_it_runs() {
    let bench = Bench::new(&OEMIROT);
    bench.hardware_keys();
    let fresh = bench.dir.read("my.board");
    bench.run("rehearse --obk ahk.obk").ok();
    bench.run(&format!("run --obk ahk.obk --confirm {UID}")).ok();
    let wanted = bench.board();
    let mut cuts = 0;
    for operation in [1, 3, 4, 5, 9, 14, 20, 40, 400, 1500] {
        bench.dir.write("my.board", &fresh);
        std::fs::remove_file(bench.dir.path("my.board.provision")).expect("a journal");
        let run = bench.run(&format!("run --obk ahk.obk --confirm {UID} --cut-at {operation}"));
        if run.exit == 0 {
            continue;
        }
        cuts += 1;
        let done = bench.run(&format!("resume --obk ahk.obk --confirm {UID}"));
        assert_eq!(done.exit, 0, "operation {operation}: {}{}", done.stdout, done.stderr);
        assert_same(&bench.board(), &wanted, &format!("operation {operation}"));
    }
    assert!(cuts >= 6, "{cuts}");
}

/// What a report says of the image of the application.
#[track_caller]
fn application(report: &Run) -> serde_json::Value {
    let images = report.last("result")["images"].as_array().expect("a list").clone();
    images.into_iter().find(|image| image["image"] == "application").expect("the application")
}

#[test]
fn a_report_looks_at_what_is_installed() {
    let bench = Bench::new(&OEMIROT);
    bench.run("rehearse").ok();
    bench.run(&format!("run --confirm {UID}")).ok();
    let (fresh, erased) = (bench.dir.read("my.board"), vec![0xFF; 0x40_0000]);
    let differs = |what: &str, code: &str| {
        let report = bench.run("report -o report.json --force");
        report.refused("IR-8116", 3);
        let result = report.last("result");
        assert_eq!(
            (&result["as_wanted"], &result["differs"]),
            (&false.into(), &["image application"][..].into())
        );
        let cause = report.last("error")["cause"].as_str().expect("a cause").to_owned();
        assert!(cause.contains(code), "{what}: {cause}");
        let written: serde_json::Value =
            serde_json::from_slice(&bench.dir.read("report.json")).expect("a report");
        assert_eq!(written["as_wanted"], false, "{what}: the report is there all the same");
        bench.run("run").refused("IR-8114", 4);
    };

    // Never booted: the image waits where it was put.
    let waits = application(&bench.run("report").ok());
    assert_eq!((&waits["status"], &waits["running"]), (&"as wanted".into(), &serde_json::Value::Null));
    assert!(bench.text("report").contains("waits in its download slot"));
    // Never booted, and no image left: closed, with a journal that says "done", and dead.
    bench.external(&erased, 0x9000_0000);
    differs("both slots erased", "IR-3201");

    // In use: not by the word of the journal, which may be gone.
    bench.dir.write("my.board", &fresh);
    assert!(bench.boot().contains("hello from h7rs-hello-c"));
    let used = bench.dir.read("my.board");
    let journal = bench.dir.read("my.board.provision");
    for kept in [&journal[..], b""] {
        bench.dir.write("my.board.provision", kept);
        let installed = application(&bench.run("report").ok());
        assert_eq!(
            (&installed["status"], &installed["running"]["version"]),
            (&"in use since".into(), &"1.2.3".into())
        );
        assert_eq!(installed["running"]["sha256"], installed["sha256"]);
    }
    bench.dir.write("my.board.provision", &journal);
    assert!(bench.text("report").contains("the device is what the product describes"));
    // Erased or damaged since.
    bench.external(&erased, 0x9000_0000);
    differs("erased since", "IR-3201");
    bench.dir.write("my.board", &used);
    bench.external(&[0x5A; 64], 0x9000_0800);
    differs("damaged since", "IR-2");

    // Another version: waiting, then installed. It is said, and no difference if it is newer.
    bench.dir.write("my.board", &used);
    bench.dir.ironroot("app image app.elf -o update.bin --version 2.0.0").ok();
    bench.external(&bench.dir.read("update.bin"), 0x9020_0000);
    let report = bench.run("report").ok();
    let waits = application(&report);
    assert_eq!((&waits["status"], &waits["running"]["version"]), (&"updated since".into(), &"2.0.0".into()));
    assert!(
        waits["current"].as_str().is_some_and(|text| text.contains("the next start installs")),
        "{waits}"
    );
    assert!(bench.boot().contains("verified: version 2.0.0"));
    let updated = application(&bench.run("report").ok());
    assert_eq!(
        (&updated["status"], &updated["running"]["version"]),
        (&"updated since".into(), &"2.0.0".into())
    );
    assert_ne!(updated["running"]["sha256"], updated["sha256"]);
    let text = bench.text("report");
    assert!(text.contains("updated since: image application: version 2.0.0"), "{text}");
    assert_eq!(rows(&text, '^'), ["image application"]);
    assert_eq!(bench.run("run").ok().last("result")["performed"], 0);
    // By the image of the update it is this one; by a later one it is an old device.
    bench.dir.write("app.bin", &bench.dir.read("update.bin"));
    assert_eq!(application(&bench.run("report").ok())["status"], "in use since");
    bench.dir.ironroot("app image app.elf -o app.bin --version 3.0.0").ok();
    differs("older than named", "version 2.0.0");
}

#[test]
fn what_has_no_effect_or_is_no_secret_is_refused() {
    let bench = Bench::new(&Setup { debug: "password", ..OEMIROT });
    for option in ["--stage-image /nonexistent", "--external-programmed", "--baud 9600"] {
        let refused = bench.run(&format!("plan {option}"));
        refused.refused("IR-1001", 2);
        let cause = refused.last("error")["cause"].as_str().expect("a cause").to_owned();
        assert!(option.starts_with(cause.split(' ').next().expect("a word")), "{cause}");
    }
    bench.run("rehearse --credential-chain app.bin --credential password.txt").refused("IR-1001", 2);

    // A secret that others can read is none.
    bench.hardware_keys();
    bench.run("plan --obk ahk.obk").ok();
    for (name, command) in
        [("ahk.obk", "plan --obk ahk.obk"), ("password.txt", "plan"), ("password.txt", "rehearse")]
    {
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(bench.dir.path(name), open).expect("our own file");
        bench.run(command).refused("IR-1106", 2);
    }
}

#[test]
fn nothing_is_written_over_what_is_read() {
    let bench = Bench::new(&OEMIROT);
    bench.run(&format!("run --no-close --confirm {UID}")).ok();
    for name in ["my.board", "ironroot.toml", "app.bin", "sign.pem", "my.board.provision"] {
        let before = bench.dir.read(name);
        bench.run(&format!("report -o {name} --force")).refused("IR-1012", 2);
        if name != "my.board.provision" {
            bench.run(&format!("run --no-close --confirm {UID} --journal {name}")).refused("IR-1012", 2);
        }
        assert_eq!(bench.dir.read(name), before, "{name}");
    }
}

#[test]
fn the_table_the_events_and_the_refusal_agree_on_what_is_binding() {
    let bench = Bench::new(&OEMIROT);
    bench.run("rehearse").ok();
    let plan = bench.run("plan").ok().last("result");
    assert_eq!(marked(&plan, "irreversible"), [""; 0], "the certificate brings everything back");
    let binding = marked(&plan, "needs_confirm");
    let refused = bench.run("run");
    refused.refused("IR-1009", 5);
    let cause = format!("undone by a regression only: {}", binding.join(", "));
    assert_eq!(refused.last("error")["cause"], cause);
    let text = bench.text("plan");
    assert_eq!(rows(&text, '*'), binding);
    assert_eq!(rows(&text, '!'), [""; 0]);
    let legend = text.lines().find(|line| line.starts_with("marks")).expect("a legend");
    assert!(legend.contains("* to do, undone by a regression only: --confirm"), "{legend}");
}

#[test]
fn a_watchdog_that_the_hardware_starts_is_warned_of() {
    let bench = Bench::new(&OEMIROT);
    let warned = || bench.run("plan").ok().last("result")["notes"].to_string().contains("IWDG_HW is 0");
    assert!(!warned());
    let mut board = bench.board();
    board.options_mut().obw1sr &= !(1 << 4);
    board.save(&bench.dir.path("my.board")).expect("saved");
    assert!(warned());
    // The description sets it: nothing to warn of.
    let description = format!("{}[options]\nIWDG_HW = 1\n", OEMIROT.description());
    bench.dir.write("ironroot.toml", description.as_bytes());
    assert!(!warned());
}

#[test]
fn the_walk_through_of_the_documentation_is_one() {
    let text = std::fs::read_to_string(ironroot_tests::root().join("docs/provisioning-h7rs.md"))
        .expect("the documentation");
    let (_, rest) = text.split_once("## From an empty directory").expect("the section");
    let (_, block) = rest.split_once("```sh\n").expect("the block");
    let block = block.split("```").next().expect("its end");
    assert!(block.lines().count() <= 16, "{block}");
    assert!(block.lines().all(|line| line.len() <= 100), "lines that can be copied from a terminal");
    let dir = Scratch::new();
    let run = std::process::Command::new("sh")
        .args(["-e", "-u", "-c", block])
        .env("PATH", ironroot_tests::journey::path_with_tool())
        .env("IRONROOT", ironroot_tests::root())
        .current_dir(dir.path(""))
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let mut rest = &said[..];
    for line in [
        "rehearsed",
        "done:",
        "verified: version 1.0.0",
        "hello",
        "verified: version 1.1.0",
        "hello",
        "updated since",
    ] {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line} is not there, or not in order\n{said}"));
        rest = &rest[at..];
    }
}

#[test]
fn what_does_not_belong_together_is_refused_before_anything_is_written() {
    let bench = Bench::new(&OEMIROT);
    let before = bench.dir.read("my.board");
    let stages = firmware("iloader");
    let stages = stages.parent().expect("a directory").display().to_string();
    let with = |rest: &str| {
        bench
            .dir
            .ironroot(&format!("provision plan --device vdev:my.board --firmware {stages} --json {rest}"))
    };

    // An image for the other boot path, one of another key, one that is none.
    let image = bench.dir.read("app.bin");
    let mut other = image.clone();
    other[..4].copy_from_slice(&0xC159_2EE9_u32.to_le_bytes());
    bench.dir.write("stirot.bin", &other);
    with("--image stirot.bin").refused("IR-8109", 2);
    bench.dir.write("damaged.bin", &{
        let mut damaged = image.clone();
        damaged[0x600] ^= 1;
        damaged
    });
    assert_eq!(with("--image damaged.bin").exit, 3);
    bench.dir.ironroot("app image app.elf -o app.bin").ok();
    let description = OEMIROT.description();
    bench.dir.write("ironroot.toml", description.replace("enc.pem", "other.pem").as_bytes());
    assert_eq!(with("--image app.bin").exit, 3);
    bench.dir.write("ironroot.toml", description.replace("sign.pem", "other.pem").as_bytes());
    with("--image app.bin").refused("IR-2207", 3);

    // A board that is not known, or smaller than described.
    bench.dir.write("ironroot.toml", description.replace("STM32H7S78-DK", "MY-BOARD").as_bytes());
    let refused = with("--image app.bin");
    refused.refused("IR-8110", 2);
    assert!(refused.last("error")["cause"].as_str().is_some_and(|cause| cause.contains("NUCLEO-H7S3L8")));
    // At its line, and before anything is made for it.
    let subject = refused.last("error")["subject"].as_str().expect("a place").to_owned();
    assert!(subject.starts_with("ironroot.toml:8:"), "{subject}");
    bench.dir.ironroot("boot plan --json").refused("IR-8110", 2);
    bench.dir.ironroot("app check app.elf --json").refused("IR-8110", 2);
    bench.dir.write("ironroot.toml", description.replace("STM32H7S78-DK", "NUCLEO-H7S3L8").as_bytes());
    with("--image app.bin").refused("IR-8110", 2);
    bench.dir.write("ironroot.toml", description.as_bytes());

    // Boot code for elsewhere; key content for elsewhere; another part.
    let hello = firmware("h7rs-hello-c-70000400").display().to_string();
    with(&format!("--image app.bin --boot-code {hello}")).refused("IR-8111", 2);
    bench.dir.write("foreign.obk", &[&[0x10, 1, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0][..], &[0; 32]].concat());
    with("--image app.bin --obk foreign.obk").refused("IR-8112", 2);
    bench.dir.write("r.toml", description.replace("stm32h7s7", "stm32h7r7").as_bytes());
    with("--product r.toml").refused("IR-8113", 2);
    bench.dir.ironroot("vdev new old.board").ok();
    let old = format!("provision plan --device vdev:old.board --firmware {stages} --json");
    bench.dir.ironroot(&old).refused("IR-8113", 2);
    assert_eq!(bench.dir.read("my.board"), before);
}

#[test]
fn a_journal_is_that_of_its_device_and_its_inputs() {
    let bench = Bench::new(&OEMIROT);
    let arguments = format!("run --no-close --confirm {UID}");
    bench.run(&format!("{arguments} --stop-after 8")).refused("IR-1010", 8);
    let journal = bench.dir.read("my.board.provision");

    bench.dir.write("ironroot.toml", format!("{}# changed\n", OEMIROT.description()).as_bytes());
    bench.run(&arguments).refused("IR-8103", 2);
    bench.run(&format!("resume --no-close --confirm {UID}")).refused("IR-8101", 2);
    bench.dir.write("ironroot.toml", OEMIROT.description().as_bytes());
    bench.dir.ironroot("vdev new other.board --part stm32h7s7").ok();
    bench.dir.write("other.board.provision", &journal);
    let stages = firmware("iloader");
    let stages = stages.parent().expect("a directory").display().to_string();
    bench
        .dir
        .ironroot(&format!(
            "provision resume --device vdev:other.board --image app.bin --firmware {stages} --json"
        ))
        .refused("IR-8101", 2);
    bench.dir.write("my.board.provision", &[b"not a record\n", &journal[..]].concat());
    bench.run(&format!("resume --confirm {UID}")).refused("IR-8102", 2);
    bench.dir.write("my.board.provision", &journal);

    // Without closing it ends open, and closing it later needs the rehearsal.
    bench.run(&format!("resume --no-close --confirm {UID}")).ok();
    assert_eq!(bench.state(), ProductState::Provisioning);
    bench.run(&format!("resume --confirm {UID}")).refused("IR-8105", 5);
    bench.run("rehearse").ok();
    bench.run(&format!("resume --confirm {UID}")).ok();
    assert_eq!(bench.state(), ProductState::Closed);

    // A closed device that is not what is described now: nothing is tried.
    bench.dir.write("ironroot.toml", OEMIROT.description().replace("1.2.3", "1.2.4").as_bytes());
    bench.dir.ironroot("app image app.elf -o app.bin -v 1.2.4").ok();
    bench.run("rehearse").refused("IR-8114", 4);
}

#[test]
fn a_device_that_was_changed_behind_the_journal_is_put_right() {
    let bench = Bench::new(&OEMIROT);
    bench.hardware_keys();
    bench.run(&format!("run --obk ahk.obk --no-close --confirm {UID}")).ok();
    let wanted = bench.board();
    let mut changed = wanted.clone();
    assert!(changed.preload(0x0800_0400, &[0; 32]));
    changed.options_mut().obw2sr ^= 1 << 8;
    assert!(changed.set_key(Hdpl::Level1, 9, ironroot_chip_h7rs::ObKey::new(&[7; 32]).expect("a key")));
    changed.save(&bench.dir.path("my.board")).expect("saved");
    let status = bench.run("status --obk ahk.obk").ok();
    let open = Bench::steps(&status).into_iter().filter(|(_, status)| status == "differs").count();
    assert_eq!(open, 4, "code, option, keys, and the state that is to come: {:?}", Bench::steps(&status));
    bench.run(&format!("resume --obk ahk.obk --no-close --confirm {UID}")).ok();
    assert_same(&bench.board(), &wanted, "put right");
}

#[test]
fn an_application_that_is_not_reached_closes_nothing() {
    let bench = Bench::new(&OEMIROT);
    // Genuine, but linked for another place: nothing of it shows before it is booted.
    bench.dir.copy(&firmware("h7rs-hello-c-24040400"), "elsewhere.elf");
    let options = "-k sign.pem -E enc.pem --dialect st -v 1.2.3 -s auto -H 0x400 --pad-header --pad -S 0x200000 --align 4 -x 0x90200000 -M 33 --overwrite-only";
    bench.dir.ironroot(&format!("image create {options} elsewhere.elf -o app.bin")).ok();
    let refused = bench.run("rehearse");
    refused.refused("IR-8107", 3);
    assert!(
        refused.last("error")["cause"].as_str().is_some_and(|cause| cause.contains("IR-3")),
        "{}",
        refused.stdout
    );
    bench.run(&format!("run --confirm {UID}")).refused("IR-8105", 5);
}

#[test]
fn every_boot_path_is_rehearsed() {
    let setups = [
        Setup {
            execute: "external-flash",
            update: "swap",
            debug: "password",
            application: "h7rs-hello-c-90000400",
            ..OEMIROT
        },
        Setup { execute: "internal-ram", application: "h7rs-hello-c-24040400", ..OEMIROT },
    ];
    for setup in setups {
        let bench = Bench::new(&setup);
        let rehearsed = bench.run("rehearse").ok().last("result");
        assert_eq!(rehearsed["state"], "Closed", "{}", setup.execute);
        bench.run(&format!("run --confirm {UID}")).ok();
        let console = bench.boot();
        assert!(console.contains("hello from h7rs-hello-c"), "{}\n{console}", setup.execute);
        assert_eq!(application(&bench.run("report").ok())["status"], "in use since", "{}", setup.execute);
    }
    // Through both stages: STiRoT installs the second one, which installs the application.
    let bench = Bench::new(&Setup {
        boot: "stirot-oemurot",
        execute: "internal-ram",
        application: "h7rs-hello-c-24040400",
        ..OEMIROT
    });
    bench.dir.copy(&firmware("oemurot-internal-ram-overwrite-hardware"), "stage.elf");
    let options = "-k sign2.pem -E enc2.pem --dialect stirot-h7s -v 1.2.3 -s auto -H 0x400 --pad-header --pad -S 0x20000 --align 16 -x 0x90020000 --primary-only";
    bench.dir.ironroot(&format!("image create {options} stage.elf -o stage.bin")).ok();
    bench.run("rehearse").refused("IR-8107", 3);
    bench.run("rehearse --stage-image app.bin").refused("IR-8109", 2);
    bench.run("rehearse --stage-image stage.bin").ok();
    bench.run(&format!("run --stage-image stage.bin --confirm {UID}")).ok();
    let console = bench.boot();
    assert!(console.contains("ironroot stirot") && console.contains("ironroot oemurot"), "{console}");
    assert!(console.contains("hello from h7rs-hello-c"), "{console}");
    // Each image is told by the stage that verifies it; where the second one refuses, the first one's is what it was.
    let images = |report: &Run| -> Vec<String> {
        let images = report.last("result")["images"].as_array().expect("a list").clone();
        images.iter().map(|image| image["status"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(images(&bench.run("report --stage-image stage.bin").ok()), ["in use since"; 2]);
    let plan = bench.dir.ironroot("boot plan --json").ok().last("result");
    let slots = plan["slots"].as_array().expect("a list").clone();
    let installed = slots.iter().find(|slot| slot["name"] == "installed image").expect("the slot");
    let start = installed["area"]["start"].as_str().and_then(|start| start.strip_prefix("0x")).expect("hex");
    bench.external(&[0xFF; 0x1000], u32::from_str_radix(start, 16).expect("an address"));
    let report = bench.run("report --stage-image stage.bin");
    report.refused("IR-8116", 3);
    assert_eq!(images(&report), ["in use since", "differs"]);
    // STiRoT alone.
    let bench = Bench::new(&Setup { boot: "stirot", execute: "internal-ram", application: "", ..OEMIROT });
    bench.run("rehearse").ok();
    bench.run(&format!("run --confirm {UID}")).ok();
    let console = bench.boot();
    assert!(console.contains("hello from h7rs-hello-c"), "{console}");
    assert_eq!(application(&bench.run("report").ok())["status"], "in use since");
    // A locked product: rehearsed too, and the only thing that nothing brings back.
    let bench = Bench::new(&Setup { state: "locked", debug: "locked", ..OEMIROT });
    let plan = bench.run("plan").ok().last("result");
    let irreversible = marked(&plan, "irreversible");
    assert!(irreversible.iter().any(|step| step == "state Locked"), "{irreversible:?}");
    // Without a credential nothing leads back from any of these, and the table says the same.
    assert_eq!(irreversible, marked(&plan, "needs_confirm"));
    assert!(irreversible.len() > 2, "{irreversible:?}");
    assert_eq!(rows(&bench.text("plan"), '!'), irreversible);
    bench.run("rehearse --credential debug.pem").refused("IR-1001", 2);
    assert_eq!(bench.run("rehearse").ok().last("result")["credential"], serde_json::Value::Null);
    bench.run(&format!("run --confirm {UID}")).ok();
    assert_eq!(bench.state(), ProductState::Locked);
    assert_eq!(bench.board().part(), Part::Stm32h7s7);
}

/// The steps that have a member set.
fn marked(plan: &serde_json::Value, member: &str) -> Vec<String> {
    let steps = plan["steps"].as_array().expect("a list").iter().filter(|step| step[member] == true);
    steps.map(|step| step["step"].as_str().expect("a name").to_owned()).collect()
}

/// The steps with this mark in a table.
fn rows(table: &str, mark: char) -> Vec<String> {
    let rows = table.lines().filter_map(|line| line.strip_prefix(mark)?.strip_prefix(' '));
    rows.map(|row| row.split("  ").next().unwrap_or_default().to_owned()).collect()
}

/// What a device on a serial port has of a step.
#[track_caller]
fn status_of(steps: &[(String, String)], name: &str) -> String {
    let found = steps.iter().find(|(step, _)| step.starts_with(name));
    found.unwrap_or_else(|| panic!("{name}: {steps:?}")).1.clone()
}

#[test]
fn a_device_on_a_serial_port_is_provisioned_through_its_bootloader() {
    // The path whose boot code is the smallest: a pseudo terminal is slow.
    let bench = Bench::new(&Setup { boot: "stirot", execute: "internal-ram", application: "", ..OEMIROT });
    // What the board's loader does.
    bench.dir.ironroot("vdev external my.board --write app.bin --at 0x90020000").ok();
    let mut wire = Wire::start(&bench.dir, "my.board", &["--boot0", "1"]);
    let device = format!("uart:{}", wire.port);
    let run = |command: &str| bench.run_on(&device, command);
    let journal = format!("provision-{UID}.provision");

    let plan = run("plan").ok();
    assert_eq!(plan.last("result")["unique_id"], UID);
    let steps = Bench::steps(&plan);
    assert!(steps.iter().all(|(_, status)| status == "differs" || status == "as wanted"), "{steps:?}");
    assert!(!bench.dir.path(&journal).exists());

    // Refused before anything is written: no rehearsal, the image that only the loader can write, no confirmation.
    let confirmed = format!("--confirm {UID} --external-programmed");
    run(&format!("run {confirmed}")).refused("IR-8105", 5);
    let rehearsed = run("rehearse").ok().last("result");
    assert_eq!(rehearsed["credential"], "certificate");
    run(&format!("run --confirm {UID}")).refused("IR-8115", 2);
    run("run --external-programmed").refused("IR-1009", 5);
    assert_eq!(Bench::steps(&run("plan").ok()), steps, "the device is as it was");

    // Interrupted between steps.
    run(&format!("run {confirmed} --stop-after 12")).refused("IR-1010", 8);
    let standing = run("status").ok();
    assert_eq!(standing.last("result")["journal_stands"], "unfinished");
    assert_eq!(status_of(&Bench::steps(&standing), "state Provisioning"), "as wanted");
    assert_eq!(status_of(&Bench::steps(&standing), "boot code"), "differs");
    run(&format!("run {confirmed} --dry-run")).ok();

    // The rest of a block is missing: the device takes whatever comes for it, and only a command that knows this gets through.
    let break_off = || {
        let mut port = std::fs::OpenOptions::new().write(true).open(&wire.port).expect("a port");
        port.write_all(&[&[0x31, 0xCE, 8, 0, 0, 0, 8, 255][..], &[0; 40]].concat()).expect("written");
    };
    break_off();
    assert_eq!(Bench::steps(&run("status").ok()), Bench::steps(&standing));
    break_off();
    bench.dir.ironroot(&format!("device state --device {device}")).ok();

    // Ended without a word while the boot code goes over the wire: the device waits for the rest of an exchange.
    let mut killed = ironroot()
        .args(Bench::line(&device, &format!("resume {confirmed}")).split_whitespace())
        .current_dir(bench.dir.path(""))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the tool starts");
    let begun = |journal: &[u8]| {
        let text = String::from_utf8_lossy(journal);
        text.lines().any(|line| line.contains("begun") && line.contains("boot code"))
    };
    while !begun(&bench.dir.read(&journal)) {
        assert_eq!(killed.try_wait().expect("a child"), None, "it ended before");
        std::thread::yield_now();
    }
    killed.kill().expect("a child");
    killed.wait().expect("a child");

    // All but the closing: everything that the bootloader can read is read back, and nobody has closed anything.
    run(&format!("resume {confirmed} --no-close")).ok();
    let report = run("report");
    report.refused("IR-8116", 3);
    let steps = Bench::steps(&report);
    for (name, status) in [
        ("boot code", "as wanted"),
        ("option WRPSRP", "as wanted"),
        ("keys STiROT_Config", "cannot be read back"),
        ("image application", "cannot be read back"),
        ("state Closed", "differs"),
    ] {
        assert_eq!(status_of(&steps, name), status, "{name}");
    }

    let done = run(&format!("resume {confirmed}")).ok().last("result");
    assert_eq!((&done["applied"], &done["state"]), (&true.into(), &"Closed".into()));
    // Closed, it boots: options, keys, boot code and image are those of the product, or nothing of this would be said.
    let said = wire.hear("done");
    for line in
        ["ironroot stirot", "download accepted", "verified: version 1.2.3+0", "hello from h7rs-hello-c"]
    {
        assert!(said.contains(line), "{line}\n{said}");
    }
    // And it has no bootloader to offer any more.
    run("status").refused("IR-7003", 7);
}
