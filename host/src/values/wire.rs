//! Values as bytes: the small parts that both directions and both sides share.

use super::ValueError;
use crate::limits::MAX_CALL_VALUES;

/// Bytes that so many flags take.
pub(crate) fn flag_bytes(flags: usize) -> usize {
    flags.div_ceil(8)
}

/// Reads values, never beyond its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

fn too_short() -> ValueError {
    ValueError::new("the bytes end before the value does")
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], ValueError> {
        let (taken, rest) = self.bytes.split_at_checked(bytes).ok_or_else(too_short)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or_else(too_short)?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ValueError> {
        self.array().map(|[byte]| byte)
    }

    /// A byte that is 0 or 1.
    pub(crate) fn truth(&mut self) -> Result<bool, ValueError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(ValueError::new(format!("{other} is neither 0 nor 1"))),
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ValueError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ValueError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn char(&mut self) -> Result<char, ValueError> {
        let code = self.u32()?;
        char::from_u32(code).ok_or_else(|| ValueError::new(format!("{code} is no character")))
    }

    /// The number of a case, of so many.
    pub(crate) fn case(&mut self, cases: usize) -> Result<usize, ValueError> {
        let case = self.u32()? as usize;
        if case < cases { Ok(case) } else { Err(ValueError::new(format!("there is no case {case} of {cases}"))) }
    }

    /// The length of a list: every element has a byte at least.
    pub(crate) fn length(&mut self) -> Result<usize, ValueError> {
        let length = self.u32()? as usize;
        if length <= self.bytes.len() { Ok(length) } else { Err(too_short()) }
    }

    /// A length, and as many bytes.
    pub(crate) fn block(&mut self) -> Result<&'a [u8], ValueError> {
        let length = self.length()?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, ValueError> {
        std::str::from_utf8(self.block()?).map_err(|error| ValueError::new(format!("a string is not UTF-8: {error}")))
    }

    /// Nothing may be left over.
    pub(crate) fn end(&self) -> Result<(), ValueError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(ValueError::new(format!("{left} bytes are left over"))),
        }
    }
}

/// Writes values, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    values: usize,
}

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Counts values that the engine will hold one by one.
    pub(crate) fn count(&mut self, values: usize) -> Result<(), ValueError> {
        self.values = self.values.saturating_add(values);
        if self.values > MAX_CALL_VALUES {
            let message = format!(
                "there are more than {MAX_CALL_VALUES} values in it (limits::MAX_CALL_VALUES); a large list of \
                 numbers travels better as `list<u8>`"
            );
            return Err(ValueError::new(message));
        }
        Ok(())
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.raw(&number.to_le_bytes());
    }

    pub(crate) fn length(&mut self, length: usize) -> Result<(), ValueError> {
        let length = u32::try_from(length).map_err(|_| ValueError::new("it is longer than 4 GiB"))?;
        self.u32(length);
        Ok(())
    }

    pub(crate) fn block(&mut self, bytes: &[u8]) -> Result<(), ValueError> {
        self.length(bytes.len())?;
        self.raw(bytes);
        Ok(())
    }

    /// Leaves room for a length that is not known yet.
    pub(crate) fn open_length(&mut self) -> usize {
        self.u32(0);
        self.len()
    }

    /// Fills it in; `place` is what `open_length` gave.
    pub(crate) fn close_length(&mut self, place: usize, length: usize) -> Result<(), ValueError> {
        let length = u32::try_from(length).map_err(|_| ValueError::new("it is longer than 4 GiB"))?;
        self.bytes[place - 4..place].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    /// Takes away what was written after `place`.
    pub(crate) fn split_off(&mut self, place: usize) -> Vec<u8> {
        self.bytes.split_off(place)
    }
}
