//! How an Opus packet of more than two channels holds several streams (RFC 6716, appendix B): all but the last say how
//! long they are, and become packets of their own when that is taken out.

/// The beginning of an Ogg Opus stream (RFC 7845, 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Decibels by 256, to be applied to what is decoded.
    pub(super) gain: i16,
    /// How many streams a packet has.
    pub(super) streams: usize,
    /// So many of them, the first, are in stereo.
    pub(super) coupled: usize,
    /// Where each of the file's channels comes from.
    pub(super) channels: Vec<Source>,
}

/// Where a channel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Every `step`th sample of a stream, from `offset` on.
    Stream { stream: usize, offset: usize, step: usize },
    /// It is silent.
    Nowhere,
}

impl Head {
    /// Understands a head; `None` when it is damaged.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let count = usize::from(*bytes.get(9)?);
        let gain = i16::from_le_bytes([*bytes.get(16)?, *bytes.get(17)?]);
        let (streams, coupled, map) = match *bytes.get(18)? {
            0 if matches!(count, 1 | 2) => (1, count - 1, (0..=1).take(count).collect()),
            0 => return None,
            _ => (usize::from(*bytes.get(19)?), usize::from(*bytes.get(20)?), bytes.get(21..21 + count)?.to_vec()),
        };
        if count == 0 || streams == 0 || coupled > streams || streams + coupled > 255 {
            return None;
        }
        let source = |index: u8| match usize::from(index) {
            255 => Some(Source::Nowhere),
            index if index < 2 * coupled => Some(Source::Stream { stream: index / 2, offset: index % 2, step: 2 }),
            index if index < streams + coupled => Some(Source::Stream { stream: index - coupled, offset: 0, step: 1 }),
            _ => None,
        };
        let channels = map.into_iter().map(source).collect::<Option<_>>()?;
        Some(Self { gain, streams, coupled, channels })
    }
}

/// The packets of each stream; `None` when they are not all there.
pub(super) fn split(packet: &[u8], streams: usize) -> Option<Vec<Vec<u8>>> {
    let mut rest = packet;
    let mut packets = Vec::with_capacity(streams);
    for _ in 1..streams {
        let (one, behind) = take_delimited(rest)?;
        packets.push(one);
        rest = behind;
    }
    if rest.is_empty() {
        return None;
    }
    packets.push(rest.to_vec());
    Some(packets)
}

/// Takes a packet that says how long it is; gives it without that, and what is behind it.
fn take_delimited(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (toc, mut rest) = bytes.split_first()?;
    let mut head = vec![*toc];
    // What the frames and the padding behind them take.
    let body = match toc & 0b11 {
        0 => length(&mut rest)?,
        1 => 2 * length(&mut rest)?,
        2 => {
            let before = rest;
            let first = length(&mut rest)?;
            head.extend_from_slice(&before[..before.len() - rest.len()]);
            first + length(&mut rest)?
        }
        _ => {
            let (count, behind) = rest.split_first()?;
            let before = rest;
            rest = behind;
            let padding = if count & 0x40 == 0 { 0 } else { padding(&mut rest)? };
            let frames = usize::from(count & 0x3f);
            if frames == 0 {
                return None;
            }
            let is_variable = count & 0x80 != 0;
            let mut sum = 0;
            for _ in 1..if is_variable { frames } else { 1 } {
                sum += length(&mut rest)?;
            }
            head.extend_from_slice(&before[..before.len() - rest.len()]);
            let last = length(&mut rest)?;
            padding + if is_variable { sum + last } else { last * frames }
        }
    };
    let (frames, behind) = rest.split_at_checked(body)?;
    head.extend_from_slice(frames);
    Some((head, behind))
}

/// The length of a frame (RFC 6716, 3.2.1).
fn length(rest: &mut &[u8]) -> Option<usize> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    if *first < 252 {
        return Some(usize::from(*first));
    }
    let (second, behind) = rest.split_first()?;
    *rest = behind;
    Some(usize::from(*second) * 4 + usize::from(*first))
}

/// How much padding there is (RFC 6716, 3.2.5).
fn padding(rest: &mut &[u8]) -> Option<usize> {
    let mut sum = 0;
    loop {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        if *byte < 255 {
            return Some(sum + usize::from(*byte));
        }
        sum += 254;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(family: u8, count: u8, behind: &[u8]) -> Vec<u8> {
        [b"OpusHead\x01", &[count, 0x38, 1, 0, 0, 0, 0, 0x00, 0xff, family][..], behind].concat()
    }

    #[test]
    fn a_head_says_where_channels_come_from() {
        let stereo = Head::parse(&head(0, 2, &[])).unwrap();
        let left = Source::Stream { stream: 0, offset: 0, step: 2 };
        let right = Source::Stream { stream: 0, offset: 1, step: 2 };
        assert_eq!(stereo, Head { gain: -256, streams: 1, coupled: 1, channels: vec![left, right] });
        let six = Head::parse(&head(1, 6, &[4, 2, 0, 4, 1, 2, 3, 5])).unwrap();
        assert_eq!((six.streams, six.coupled), (4, 2));
        assert_eq!(six.channels[1], Source::Stream { stream: 2, offset: 0, step: 1 });
        assert_eq!(six.channels[4], Source::Stream { stream: 1, offset: 1, step: 2 });
        for damaged in [&b"OpusHead"[..], &head(0, 3, &[]), &head(1, 2, &[1, 2, 0, 1]), &head(1, 2, &[1, 1, 0, 2])] {
            assert_eq!(Head::parse(damaged), None);
        }
    }

    #[test]
    fn delimited_packets_become_plain_ones() {
        // One frame of 3 bytes; two of 2; of 1 and of 2; three of 1 with 2 of padding; of 1, 2 and the rest.
        let cases: [(&[u8], &[u8]); 5] = [
            (&[0x78, 3, 1, 2, 3], &[0x78, 1, 2, 3]),
            (&[0x79, 2, 1, 2, 3, 4], &[0x79, 1, 2, 3, 4]),
            (&[0x7a, 1, 2, 1, 2, 3], &[0x7a, 1, 1, 2, 3]),
            (&[0x7b, 0x43, 2, 1, 1, 2, 3, 0, 0], &[0x7b, 0x43, 2, 1, 2, 3, 0, 0]),
            (&[0x7b, 0x83, 1, 2, 1, 9, 8, 8, 7], &[0x7b, 0x83, 1, 2, 9, 8, 8, 7]),
        ];
        for (delimited, plain) in cases {
            let whole = [delimited, &[0x78, 5, 5]].concat();
            assert_eq!(split(&whole, 2), Some(vec![plain.to_vec(), vec![0x78, 5, 5]]), "{delimited:?}");
            for cut in 0..delimited.len() {
                assert_eq!(split(&whole[..cut], 2), None, "{delimited:?} cut at {cut}");
            }
        }
        let long = [&[0x78, 252, 10][..], &[7; 292]].concat();
        assert_eq!(take_delimited(&long).unwrap().0.len(), 293);
    }

    #[test]
    fn nothing_that_comes_makes_it_panic() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..50_000 {
            let bytes: Vec<u8> = (0..random.usize(0..40)).map(|_| random.u8(..)).collect();
            let _ = split(&bytes, random.usize(1..5));
            let _ = Head::parse(&bytes);
        }
    }
}
