//! Memory that may not be there: an error, where Rust would end the whole process.
//!
//! What we allocate by the picture is asked for here. The codec crates do not ask, so
//! what they are going to take is made sure of before they begin.

use std::hint::black_box;

use crate::error::{Error, Kind, Result};

/// An empty vector with room for so many.
///
/// # Errors
/// There is not so much memory.
pub fn reserved<T>(count: usize) -> Result<Vec<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(count).map_err(|_| {
        let bytes = count.saturating_mul(size_of::<T>());
        Error::new(Kind::AllocationFailed, format!("There is no memory for {bytes} bytes"))
    })?;
    Ok(room)
}

/// So many zeros.
///
/// # Errors
/// There is not so much memory.
pub fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>> {
    let mut zeros = reserved(count)?;
    zeros.resize(count, T::default());
    Ok(zeros)
}

/// A copy of *bytes*.
///
/// # Errors
/// There is not so much memory.
pub fn copied(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = reserved(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// Make sure that a codec finds so many bytes for each pixel of a picture.
///
/// Another thread may take them meanwhile, and a picture may need more: it is a guard
/// and no promise.
///
/// # Errors
/// There is not so much memory.
pub fn expect((w, h): (u32, u32), bytes_for_each: usize) -> Result<()> {
    // Untouched, so it costs two system calls; unseen, it would not be asked for at all.
    black_box(reserved::<u8>((w as usize * h as usize).saturating_mul(bytes_for_each))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_is_an_error() {
        for error in [
            reserved::<u8>(isize::MAX as usize).unwrap_err(),
            reserved::<f32>(usize::MAX / 2).unwrap_err(),
            zeros::<u8>(usize::MAX).unwrap_err(),
            expect((u32::MAX, u32::MAX), 50).unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::AllocationFailed);
        }
    }
}
