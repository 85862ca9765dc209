//! Programs made by hand, for images that hold nothing else: no compiler, no libc, no network.

/// Where the program is loaded.
const BASE: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// A static program for this machine that writes `message` to its standard output and ends with 0.
pub fn printing(message: &[u8]) -> Vec<u8> {
    program(message, EXIT)
}

/// The same, but it never ends by itself.
pub fn waiting(message: &[u8]) -> Vec<u8> {
    program(message, WAIT)
}

fn program(message: &[u8], then: u16) -> Vec<u8> {
    let (machine, code) = code(message.len() as u32, then);
    let size = HEADERS + code.len() as u64 + message.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend(2_u16.to_le_bytes());
    file.extend(machine.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for value in [BASE + HEADERS, 64, 0] {
        file.extend(value.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for value in [64_u16, 56, 1, 64, 0, 0] {
        file.extend(value.to_le_bytes());
    }
    // One segment, which is read and executed.
    for value in [1_u32, 5] {
        file.extend(value.to_le_bytes());
    }
    for value in [0, BASE, BASE, size, size, 0x1000] {
        file.extend(value.to_le_bytes());
    }
    file.extend(code);
    file.extend(message);
    file
}

#[cfg(target_arch = "x86_64")]
const EXIT: u16 = 60;
/// pause
#[cfg(target_arch = "x86_64")]
const WAIT: u16 = 34;
#[cfg(target_arch = "aarch64")]
const EXIT: u16 = 93;
/// ppoll of nothing, for ever
#[cfg(target_arch = "aarch64")]
const WAIT: u16 = 73;

/// The number of the machine, and: write(1, message, length), then a call with zeros; the message follows the code.
#[cfg(target_arch = "x86_64")]
fn code(length: u32, then: u16) -> (u16, Vec<u8>) {
    let mut code = vec![0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0];
    // lea rsi, [rip + what is left of the code]; mov edx, length
    code.extend([0x48, 0x8d, 0x35, 16, 0, 0, 0, 0xba]);
    code.extend(length.to_le_bytes());
    // syscall; mov eax, then; xor edi, edi; syscall
    code.extend([0x0f, 0x05, 0xb8]);
    code.extend(u32::from(then).to_le_bytes());
    code.extend([0x31, 0xff, 0x0f, 0x05]);
    (62, code)
}

#[cfg(target_arch = "aarch64")]
fn code(length: u32, then: u16) -> (u16, Vec<u8>) {
    let words: [u32; 12] = [
        0xd280_0808,                          // mov x8, 64
        0xd280_0020,                          // mov x0, 1
        0x1000_0141,                          // adr x1, message
        0xd280_0002 | (length << 5),          // mov x2, length
        0xd400_0001,                          // svc 0
        0xd280_0008 | (u32::from(then) << 5), // mov x8, then
        0xd280_0000,                          // mov x0, 0
        0xd280_0001,                          // mov x1, 0
        0xd280_0002,                          // mov x2, 0
        0xd280_0003,                          // mov x3, 0
        0xd280_0004,                          // mov x4, 0
        0xd400_0001,                          // svc 0
    ];
    (
        183,
        words.iter().flat_map(|word| word.to_le_bytes()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_made_by_hand_prints_its_message() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, super::printing(b"hello\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = std::process::Command::new(&program).output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, b"hello\n");
    }
}
