//! Random numbers of the kernel (getrandom(2)).

use std::io;

/// 128 bits that nobody can guess.
pub(crate) fn random_bits() -> io::Result<u128> {
    let mut bytes = [0u8; 16];
    // SAFETY: getrandom writes at most the given number of bytes to the given buffer, which has that many.
    let written = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    match written {
        // So few bytes come in one piece.
        16 => Ok(u128::from_ne_bytes(bytes)),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn they_differ() {
        let two = [(); 2].map(|()| super::random_bits().expect("every kernel has them"));
        assert_ne!(two[0], two[1]);
    }
}
