//! The objects that the stand-in shows, and the signals about them.

use std::collections::{BTreeMap, HashMap};

use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use super::StandIn;

pub(crate) type Properties = HashMap<String, OwnedValue>;

/// By path and interface.
pub(crate) type Tree = BTreeMap<String, BTreeMap<String, Properties>>;

/// Properties from pairs.
pub(crate) fn properties<const N: usize>(pairs: [(&str, Value<'_>); N]) -> Properties {
    pairs.into_iter().map(|(name, value)| (name.into(), value.try_to_owned().unwrap())).collect()
}

/// A path as a value.
pub(crate) fn path(path: &str) -> Value<'static> {
    Value::from(OwnedObjectPath::try_from(path.to_owned()).unwrap().into_inner())
}

pub(crate) fn service(number: u16) -> String {
    format!("0000{number:04x}-0000-1000-8000-00805f9b34fb")
}

const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";

impl StandIn {
    /// Shows an object, or one more interface of it.
    pub(crate) async fn show(&self, at: &str, interface: &str, with: Properties) {
        let copy = with.iter().map(|(name, value)| (name.clone(), value.try_clone().unwrap())).collect();
        self.world().objects.entry(at.into()).or_default().insert(interface.into(), copy);
        let interfaces = HashMap::from([(interface, with)]);
        self.signal("/", OBJECT_MANAGER, "InterfacesAdded", &(OwnedObjectPath::try_from(at).unwrap(), interfaces))
            .await;
    }

    /// An object is no more.
    pub(crate) async fn hide(&self, at: &str) {
        let Some(interfaces) = self.world().objects.remove(at) else { return };
        let interfaces: Vec<_> = interfaces.into_keys().collect();
        let body = (OwnedObjectPath::try_from(at).unwrap(), interfaces);
        self.signal("/", OBJECT_MANAGER, "InterfacesRemoved", &body).await;
    }

    /// Changes a property that an object has, or gains.
    pub(crate) async fn put(&self, at: &str, interface: &str, name: &str, value: Value<'_>) {
        let value = value.try_to_owned().unwrap();
        {
            let mut world = self.world();
            let Some(object) = world.objects.get_mut(at).and_then(|object| object.get_mut(interface)) else { return };
            if object.get(name) == Some(&value) {
                return;
            }
            object.insert(name.into(), value.try_clone().unwrap());
        }
        let changed = HashMap::from([(name, value)]);
        self.signal(
            at,
            "org.freedesktop.DBus.Properties",
            "PropertiesChanged",
            &(interface, changed, Vec::<&str>::new()),
        )
        .await;
    }

    /// An object loses a property.
    pub(crate) async fn take(&self, at: &str, interface: &str, name: &str) {
        let object = |world: &mut super::World| world.objects.get_mut(at)?.get_mut(interface)?.remove(name);
        if object(&mut self.world()).is_some() {
            let body = (interface, Properties::new(), vec![name]);
            self.signal(at, "org.freedesktop.DBus.Properties", "PropertiesChanged", &body).await;
        }
    }

    /// What a property of an object is.
    pub(crate) fn property(&self, at: &str, interface: &str, name: &str) -> Option<OwnedValue> {
        self.world().objects.get(at)?.get(interface)?.get(name)?.try_clone().ok()
    }

    /// Whether a property is true.
    pub(crate) fn is(&self, at: &str, interface: &str, name: &str) -> bool {
        self.property(at, interface, name).is_some_and(|value| value.downcast_ref().unwrap_or(false))
    }

    pub(crate) async fn signal<B>(&self, at: &str, interface: &str, name: &str, body: &B)
    where
        B: serde::Serialize + zbus::zvariant::DynamicType + Sync,
    {
        // Nobody may be listening any more.
        let _ = self.0.bus.emit_signal(None::<&str>, at, interface, name, body).await;
    }
}
