//! Sorts what arrived on the port: clock packets out, QUIC stays.

use std::io::IoSliceMut;

use quinn_udp::RecvMeta;
use unisono_core::wire::clock::is_clock_packet;

/// Takes every datagram that is not QUIC's out of the buffers that were received, and moves the rest to the front.
///
/// A buffer can hold several datagrams of one sender, each `stride` long but for the last. `taken` gets each datagram
/// that was taken out and the number of the buffer that it was in. Returns how many buffers are left; none of them is
/// empty.
pub(crate) fn split(
    buffers: &mut [IoSliceMut<'_>],
    metas: &mut [RecvMeta],
    mut taken: impl FnMut(usize, &RecvMeta, &[u8]),
) -> usize {
    let mut kept = 0;
    for index in 0..buffers.len().min(metas.len()) {
        let meta = metas[index];
        metas[index].len = split_one(&mut buffers[index], &meta, |datagram| taken(index, &meta, datagram));
        if metas[index].len > 0 {
            buffers.swap(kept, index);
            metas.swap(kept, index);
            kept += 1;
        }
    }
    kept
}

/// Takes datagrams out of one buffer; returns the length of the rest. All that is left but the last datagram is still
/// `stride` long, because order is kept.
fn split_one(buffer: &mut [u8], meta: &RecvMeta, mut taken: impl FnMut(&[u8])) -> usize {
    let length = meta.len.min(buffer.len());
    let stride = if meta.stride == 0 { length } else { meta.stride };
    let mut kept = 0;
    let mut start = 0;
    while start < length {
        let end = start.saturating_add(stride).min(length);
        if is_clock_packet(buffer[start]) {
            taken(&buffer[start..end]);
        } else {
            buffer.copy_within(start..end, kept);
            kept += end - start;
        }
        start = end;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Outcome {
        /// Bytes and stride of each buffer.
        kept: Vec<(Vec<u8>, usize)>,
        /// Buffer and bytes of each datagram.
        taken: Vec<(usize, Vec<u8>)>,
    }

    /// Runs [`split`] on buffers of (bytes, stride).
    fn run(input: &[(&[u8], usize)]) -> Outcome {
        let mut memory: Vec<Vec<u8>> = input.iter().map(|(bytes, _)| [bytes, &[0xee; 8][..]].concat()).collect();
        let mut buffers: Vec<_> = memory.iter_mut().map(|bytes| IoSliceMut::new(bytes)).collect();
        let mut metas: Vec<_> = input
            .iter()
            .map(|(bytes, stride)| RecvMeta { len: bytes.len(), stride: *stride, ..RecvMeta::default() })
            .collect();
        let mut taken = Vec::new();
        let kept = split(&mut buffers, &mut metas, |index, _, datagram| taken.push((index, datagram.to_vec())));
        let kept = (0..kept).map(|index| (buffers[index][..metas[index].len].to_vec(), metas[index].stride)).collect();
        Outcome { kept, taken }
    }

    #[test]
    fn single_datagrams_are_sorted_by_kind() {
        let Outcome { kept, taken } = run(&[(b"\x40aa", 3), (b"\x01bb", 3), (b"\xc0cc", 3), (b"\x3fdd", 3)]);
        assert_eq!(kept, [(b"\x40aa".to_vec(), 3), (b"\xc0cc".to_vec(), 3)]);
        assert_eq!(taken, [(1, b"\x01bb".to_vec()), (3, b"\x3fdd".to_vec())]);
    }

    #[test]
    fn mixed_kinds_in_one_buffer_are_split() {
        let Outcome { kept, taken } = run(&[(b"\x01a\x40b\x02c\x40d\x40e", 2)]);
        assert_eq!(kept, [(b"\x40b\x40d\x40e".to_vec(), 2)]);
        assert_eq!(taken, [(0, b"\x01a".to_vec()), (0, b"\x02c".to_vec())]);
    }

    #[test]
    fn a_short_last_datagram_keeps_its_length_whatever_its_kind() {
        let Outcome { kept, taken } = run(&[(b"\x01aa\x40bb\x40c", 3), (b"\x40dd\x40ee\x01", 3)]);
        assert_eq!(kept, [(b"\x40bb\x40c".to_vec(), 3), (b"\x40dd\x40ee".to_vec(), 3)]);
        assert_eq!(taken, [(0, b"\x01aa".to_vec()), (1, b"\x01".to_vec())]);
    }

    #[test]
    fn an_emptied_buffer_is_not_handed_on() {
        let Outcome { kept, taken } = run(&[(b"\x01a\x01b", 2), (b"", 0), (b"\x40c", 2)]);
        assert_eq!(kept, [(b"\x40c".to_vec(), 2)]);
        assert_eq!(taken.len(), 2);
        assert_eq!(run(&[(b"\x01a\x01b", 2)]).kept, []);
    }

    #[test]
    fn a_stride_that_makes_no_sense_does_no_harm() {
        for stride in [0, 1, 7, usize::MAX] {
            let Outcome { kept, .. } = run(&[(b"\x40abcd", stride)]);
            assert_eq!(kept.first().map(|(bytes, _)| bytes[0]), Some(0x40), "{stride}");
        }
    }
}
