//! All of an equaliser at one setting.

use unisono_core::{
    sound::{Equaliser as Setting, MAX_BANDS},
    units::SampleRate,
};

use super::section::{CHANNELS, Section};

/// A preamp and its filters, by the places of their bands.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    setting: Setting,
    preamp: f64,
    sections: [Section; MAX_BANDS],
    /// How many of them are in use.
    len: usize,
    /// The place of the band of each, so that a changed band is known again.
    places: [usize; MAX_BANDS],
}

impl Chain {
    /// At a rate. Real-time.
    pub(super) fn new(setting: Setting, rate: SampleRate) -> Self {
        let mut chain =
            Self { setting, preamp: 1.0, sections: [Section::OPEN; MAX_BANDS], len: 0, places: [0; MAX_BANDS] };
        if !setting.enabled {
            return chain;
        }
        chain.preamp = 10_f64.powf(setting.preamp.value() / 20.0);
        let bands = setting.bands.as_slice().iter().enumerate();
        for (place, section) in bands.filter_map(|(place, band)| Some((place, Section::new(band, rate)?))) {
            chain.sections[chain.len] = section;
            chain.places[chain.len] = place;
            chain.len += 1;
        }
        chain
    }

    /// The setting that it is for.
    pub(super) const fn setting(&self) -> &Setting {
        &self.setting
    }

    /// Whether it changes nothing.
    pub(super) fn is_open(&self) -> bool {
        self.len == 0 && self.preamp == 1.0
    }

    /// Takes over the sound that another one has in it, where that means the same: a band at the same place that was not
    /// moved far. Real-time.
    pub(super) fn go_on_from(&mut self, other: &Self) {
        for (section, place) in self.sections[..self.len].iter_mut().zip(&self.places) {
            let before = other.places[..other.len].iter().position(|known| known == place);
            let frequency = |chain: &Setting| chain.bands.as_slice().get(*place).map(|band| band.frequency.value());
            let moved = frequency(&self.setting).zip(frequency(&other.setting)).map(|(now, then)| now / then);
            if let Some(before) = before.filter(|_| moved.is_some_and(|ratio| FAR.contains(&ratio))) {
                section.go_on_from(&other.sections[before]);
            }
        }
    }

    /// One frame. Real-time.
    pub(super) fn pass(&mut self, frame: [f64; CHANNELS]) -> [f64; CHANNELS] {
        let mut frame = frame.map(|sample| sample * self.preamp);
        self.sections[..self.len].iter_mut().for_each(|section| section.pass(&mut frame));
        frame
    }

    /// See [`Section::tidy`]. Real-time.
    pub(super) fn tidy(&mut self) {
        self.sections[..self.len].iter_mut().for_each(Section::tidy);
    }

    /// Begins anew. Real-time.
    pub(super) fn forget(&mut self) {
        self.sections[..self.len].iter_mut().for_each(Section::forget);
    }
}

/// Two octaves down or up: beyond that a band holds other sound.
const FAR: core::ops::RangeInclusive<f64> = 0.25..=4.0;
