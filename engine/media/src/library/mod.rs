//! A library: what there is to play in some folders of this machine. They are looked through in the background and
//! watched; what was found is kept on disk. Nothing outside of them can be reached.

mod catalogue;
mod covers;
mod folder;
mod ids;
mod index;
mod keeper;
mod scan;
mod tags;
mod text;

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Sender},
    },
    thread::JoinHandle,
    time::Duration,
};

use self::{
    catalogue::Catalogue,
    keeper::{Keeper, Order},
};
pub use self::{
    catalogue::{Album, Artist, Page, Problem, Query, Track},
    covers::Cover,
    ids::{AlbumId, CoverId, NoId, TrackId},
};
use crate::Error;

/// Which folders a library has, and where it keeps what it knows of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibrarySettings {
    /// Folders with music. One that is not there may come.
    pub folders: Vec<PathBuf>,
    /// A folder for what is kept across restarts; it has to be there.
    pub state: PathBuf,
}

/// How a library is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its folders.
    pub folders: Vec<PathBuf>,
    /// Tracks in them.
    pub tracks: usize,
    /// Albums.
    pub albums: usize,
    /// Artists.
    pub artists: usize,
    /// While they are looked through: so many files are done, of so many.
    pub scan: Option<(usize, usize)>,
    /// What cannot be played, and why; a hundred at most.
    pub problems: Vec<Problem>,
}

/// Music in some folders. Clones are of the same library; with the last of them its thread ends.
#[derive(Clone)]
pub struct Library {
    shared: Arc<Shared>,
    thread: Arc<Thread>,
}

/// Somebody who is told that something has changed.
type Listener = Box<dyn Fn() + Send + Sync>;

/// What the thread and those who ask have in common.
struct Shared {
    folders: Vec<PathBuf>,
    catalogue: RwLock<Arc<Catalogue>>,
    scanning: Mutex<Option<(usize, usize)>>,
    is_over: AtomicBool,
    version: Mutex<u64>,
    is_changed: Condvar,
    listeners: Mutex<Vec<Listener>>,
}

/// Ends the thread when nobody wants the library any more.
struct Thread {
    orders: Sender<Order>,
    shared: Arc<Shared>,
    handle: Option<JoinHandle<()>>,
}

impl Library {
    /// Takes up what is known of the folders, and looks through them in the background.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn open(settings: LibrarySettings) -> io::Result<Self> {
        let LibrarySettings { folders, state } = settings;
        let shared = Arc::new(Shared {
            folders,
            catalogue: RwLock::default(),
            scanning: Mutex::new(Some((0, 0))),
            is_over: AtomicBool::new(false),
            version: Mutex::new(0),
            is_changed: Condvar::new(),
            listeners: Mutex::default(),
        });
        let (orders, received) = mpsc::channel();
        let handle = if shared.folders.is_empty() {
            *locked(&shared.scanning) = None;
            None
        } else {
            let keeper = Keeper::new(Arc::clone(&shared), &state, received, orders.clone());
            Some(std::thread::Builder::new().name("library".into()).spawn(move || keeper.run())?)
        };
        let thread = Thread { orders, shared: Arc::clone(&shared), handle };
        Ok(Self { shared, thread: Arc::new(thread) })
    }

    /// Its folders.
    pub fn folders(&self) -> &[PathBuf] {
        &self.shared.folders
    }

    /// A track.
    pub fn track(&self, id: &TrackId) -> Option<Track> {
        self.shared.catalogue().track(*id).cloned()
    }

    /// An album, and its tracks by disc and number.
    pub fn album(&self, id: &AlbumId) -> Option<(Album, Vec<Track>)> {
        self.shared.catalogue().album(*id)
    }

    /// Tracks, by artist and album.
    pub fn tracks(&self, query: &Query) -> Page<Track> {
        self.shared.catalogue().tracks(query)
    }

    /// Albums, by artist and title.
    pub fn albums(&self, query: &Query) -> Page<Album> {
        self.shared.catalogue().albums(query)
    }

    /// Artists, by name.
    pub fn artists(&self, query: &Query) -> Page<Artist> {
        self.shared.catalogue().artists(query)
    }

    /// A cover, read from its file; it may wait for a disk.
    pub fn cover(&self, id: &CoverId) -> Option<Cover> {
        let catalogue = self.shared.catalogue();
        let (folder, place) = catalogue.cover(*id)?;
        covers::read(folder, place)
    }

    /// Where a track is, for people; to play it, see [`Self::open_file`].
    pub fn path(&self, id: &TrackId) -> Option<PathBuf> {
        self.shared.catalogue().place(*id).map(|(folder, path)| folder.join(path))
    }

    /// Opens a track's file, for [`FileSource::from_file`](crate::FileSource::from_file); it may wait for a disk.
    ///
    /// # Errors
    /// When there is no such track, or its file has gone, is a link by now, or may not be read.
    pub fn open_file(&self, id: &TrackId) -> Result<File, Error> {
        let catalogue = self.shared.catalogue();
        let (folder, path) = catalogue.place(*id).ok_or_else(|| Error::NotInLibrary { id: id.to_string() })?;
        folder::open(folder, path)
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let catalogue = self.shared.catalogue();
        let (tracks, albums, artists) = catalogue.counts();
        let scan = *locked(&self.shared.scanning);
        let problems = catalogue.problems().to_vec();
        Status { folders: self.shared.folders.clone(), tracks, albums, artists, scan, problems }
    }

    /// Has the folders looked through in the background, as happens by itself when something changes.
    pub fn rescan(&self) {
        // Without folders there is nobody to do it.
        let _ = self.thread.orders.send(Order::Scan);
    }

    /// Goes up with everything that changes.
    pub fn version(&self) -> u64 {
        *locked(&self.shared.version)
    }

    /// Waits until the version is another one, or for so long; gives the version.
    pub fn wait_for_change(&self, version: u64, patience: Duration) -> u64 {
        let is_same = |current: &mut u64| *current == version;
        let current = locked(&self.shared.version);
        let waited = self.shared.is_changed.wait_timeout_while(current, patience, is_same);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Has something called after every change, on the library's thread: it is not to take long.
    pub fn on_change(&self, listener: impl Fn() + Send + Sync + 'static) {
        locked(&self.shared.listeners).push(Box::new(listener));
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Library").field("folders", &self.shared.folders).finish_non_exhaustive()
    }
}

impl Shared {
    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, catalogue: Catalogue) {
        let catalogue = Arc::new(catalogue);
        let before = std::mem::replace(&mut *self.catalogue.write().unwrap_or_else(PoisonError::into_inner), catalogue);
        // To free it takes long, too.
        drop(before);
        self.changed();
    }

    fn changed(&self) {
        *locked(&self.version) += 1;
        self.is_changed.notify_all();
        locked(&self.listeners).iter().for_each(|listener| listener());
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let _ = self.orders.send(Order::Stop);
        if let Some(handle) = self.handle.take() {
            // It has no way to fail but one, of which the log knows.
            let _ = handle.join();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a folder may be one of a library's: why not, in words.
///
/// # Errors
/// When it is no absolute path, or the whole file system.
pub fn check_folder(path: &Path) -> Result<(), String> {
    if !path.is_absolute() {
        return Err(format!("{path:?} is no absolute path; begin with /"));
    }
    if path.parent().is_none() {
        return Err(format!("{path:?} is all of this machine; name the folder with music in it"));
    }
    Ok(())
}
