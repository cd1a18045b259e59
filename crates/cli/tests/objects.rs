//! The objects of org.gnome.SessionManager: clients, inhibitors, presence, their properties and
//! broadcasts, and what introspection says of them. On dbus-daemon and on dbus-broker.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use std::collections::{BTreeSet, HashMap};

use endsession_testkit::gnome_client::Manner;
use support::raw::{CONTROL_PATH, MANAGER, MANAGER_PATH, PROPERTIES, Raw, refusal};
use support::{LIMIT, On, Session, on_both_buses};
use zbus::{Message, ObjectPath, OwnedVariant, Variant};

const CLIENT: &str = "org.gnome.SessionManager.Client";
const INHIBITOR: &str = "org.gnome.SessionManager.Inhibitor";
const PRESENCE: &str = "org.gnome.SessionManager.Presence";
const PRESENCE_PATH: &str = "/org/gnome/SessionManager/Presence";

on_both_buses!(
    a_startup_id_registers_once,
    one_connection_may_register_many_clients,
    only_a_registered_client_of_ones_own_can_be_unregistered,
    a_client_tells_who_it_is,
    stop_reaches_the_client_alone,
    an_inhibitor_tells_who_holds_it_and_why,
    is_inhibited_knows_every_flag,
    only_the_holder_releases_an_inhibitor,
    the_lists_are_what_was_registered,
    what_comes_and_goes_is_broadcast,
    inhibited_actions_change_with_the_inhibitors,
    presence_is_kept_and_broadcast,
    the_properties_are_complete,
    the_session_runs_and_takes_no_environment,
    every_object_is_introspected_and_is_what_it_says,
    glib_parses_the_introspection_of_every_object,
);

fn text(reply: Message) -> String {
    reply.body().deserialize::<&str>().unwrap().to_owned()
}

fn number(reply: Message) -> u32 {
    reply.body().deserialize().unwrap()
}

fn path(reply: &Message) -> String {
    let body = reply.body();
    body.deserialize::<ObjectPath<'_>>().unwrap().to_string()
}

fn paths(raw: &Raw, method: &str) -> BTreeSet<String> {
    let reply = raw.gnome(method, &()).unwrap();
    let body = reply.body();
    let paths: Vec<ObjectPath<'_>> = body.deserialize().unwrap();
    paths.iter().map(ToString::to_string).collect()
}

fn inhibitor(cookie: u32) -> String {
    format!("{MANAGER_PATH}/Inhibitor{cookie}")
}

/// A property's value.
fn get(raw: &Raw, path: &str, interface: &str, name: &str) -> OwnedVariant {
    let reply = raw
        .call(path, PROPERTIES, "Get", &(interface, name))
        .unwrap();
    reply.body().deserialize().unwrap()
}

fn a_startup_id_registers_once(on: On) {
    let session = Session::on(on);
    let (first, second) = (session.raw(), session.raw());
    let path = first.register("editor", "10xabc").unwrap();
    assert_eq!(
        refusal(second.register("editor", "10xabc")),
        "AlreadyRegistered"
    );
    assert_eq!(
        refusal(first.register("editor", "10xabc")),
        "AlreadyRegistered"
    );
    // An empty one is none.
    second.register("editor", "").unwrap();
    second.register("editor", "").unwrap();
    // Once its client is gone an id is free.
    first
        .gnome(
            "UnregisterClient",
            &ObjectPath::try_from(path.as_str()).unwrap(),
        )
        .unwrap();
    second.register("editor", "10xabc").unwrap();
}

fn one_connection_may_register_many_clients(on: On) {
    let session = Session::on(on);
    let raw = session.watcher();
    let clients: BTreeSet<String> = (0..3).map(|_| raw.register("part", "").unwrap()).collect();
    assert_eq!(clients.len(), 3);
    raw.request(&[]).unwrap();
    raw.hears_signal("QueryEndSession", 3);
    let asked: BTreeSet<String> = raw
        .heard()
        .iter()
        .filter(|m| m.header().member().unwrap().as_str() == "QueryEndSession")
        .map(|m| m.header().path().unwrap().to_string())
        .collect();
    assert_eq!(asked, clients);
}

fn only_a_registered_client_of_ones_own_can_be_unregistered(on: On) {
    let session = Session::on(on);
    let (owner, other) = (session.raw(), session.raw());
    let client = owner.register("editor", "").unwrap();
    let unregister =
        |raw: &Raw, path: &str| raw.gnome("UnregisterClient", &ObjectPath::try_from(path).unwrap());
    for nobody in [
        "/",
        MANAGER_PATH,
        "/org/gnome/SessionManager/Client999",
        PRESENCE_PATH,
    ] {
        assert_eq!(refusal(unregister(&owner, nobody)), "NotRegistered");
    }
    assert_eq!(refusal(unregister(&other, &client)), "AccessDenied");
    unregister(&owner, &client).unwrap();
    assert_eq!(refusal(unregister(&owner, &client)), "NotRegistered");
    assert_eq!(
        refusal(owner.call(&client, CLIENT, "GetAppId", &())),
        "UnknownObject"
    );
}

fn a_client_tells_who_it_is(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let client = raw.register("org.example.Editor", "startup-7").unwrap();
    let ask = |method: &str| raw.call(&client, CLIENT, method, &()).unwrap();
    assert_eq!(text(ask("GetAppId")), "org.example.Editor");
    assert_eq!(text(ask("GetStartupId")), "startup-7");
    assert_eq!(number(ask("GetUnixProcessId")), std::process::id());
    assert_eq!(number(ask("GetRestartStyleHint")), 0);
    assert_eq!(number(ask("GetStatus")), 1, "registered");
    // One that brought no startup id has one of ours.
    let client = raw.register("", "").unwrap();
    let given = text(raw.call(&client, CLIENT, "GetStartupId", &()).unwrap());
    assert!(!given.is_empty());
}

fn stop_reaches_the_client_alone(on: On) {
    let session = Session::on(on);
    let editor = session.client("editor", Manner::Silent);
    let other = session.client("other", Manner::Silent);
    session
        .raw()
        .call(editor.path(), CLIENT, "Stop", &())
        .unwrap();
    let stop = editor.wait_for("Stop", LIMIT);
    assert_eq!(stop.destination.as_deref(), Some(editor.unique_name()));
    editor.wait_until_left(LIMIT);
    assert_eq!(other.members(), [""; 0]);
}

fn an_inhibitor_tells_who_holds_it_and_why(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let body = ("org.example.Player", 0x2a_u32, "a film is playing", 8_u32);
    let cookie = number(raw.gnome("Inhibit", &body).unwrap());
    let ask = |method: &str| raw.call(&inhibitor(cookie), INHIBITOR, method, &());
    assert_eq!(text(ask("GetAppId").unwrap()), "org.example.Player");
    assert_eq!(text(ask("GetReason").unwrap()), "a film is playing");
    assert_eq!(number(ask("GetFlags").unwrap()), 8);
    assert_eq!(number(ask("GetToplevelXid").unwrap()), 0x2a);
    assert_eq!(refusal(ask("GetClientId")), "GeneralError");
    // Held by a registered client, it says by which.
    let client = raw.register("org.example.Player", "").unwrap();
    let cookie = raw.inhibit("org.example.Player", "two films", 8).unwrap();
    let reply = raw
        .call(&inhibitor(cookie), INHIBITOR, "GetClientId", &())
        .unwrap();
    assert_eq!(path(&reply), client);
    // It does not concern log-off, and is listed apart.
    let held = &raw.status()["other_inhibitors"];
    assert_eq!(held[0]["what"], serde_json::json!(["idle"]));
    assert_eq!(raw.status()["blockers"], serde_json::json!([]));
}

fn is_inhibited_knows_every_flag(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let is = |flags: u32| -> bool {
        let reply = raw.gnome("IsInhibited", &flags).unwrap();
        reply.body().deserialize().unwrap()
    };
    assert!(!is(u32::MAX));
    let first = raw.inhibit("a", "log-off and idle", 1 | 8).unwrap();
    let second = raw.inhibit("b", "idle", 8).unwrap();
    assert_eq!(
        (1..=5).map(|n| is(1 << (n - 1))).collect::<Vec<_>>(),
        [true, false, false, true, false]
    );
    raw.gnome("Uninhibit", &first).unwrap();
    assert!(!is(1) && is(8) && is(1 | 8));
    raw.gnome("Uninhibit", &second).unwrap();
    assert!(!is(8));
    assert_eq!(refusal(raw.inhibit("c", "nothing", 0)), "GeneralError");
}

fn only_the_holder_releases_an_inhibitor(on: On) {
    let session = Session::on(on);
    let (holder, other) = (session.raw(), session.raw());
    let cookie = holder.inhibit("burner", "burning", 1).unwrap();
    assert_eq!(refusal(other.gnome("Uninhibit", &cookie)), "AccessDenied");
    assert_eq!(
        refusal(holder.gnome("Uninhibit", &(cookie + 1))),
        "GeneralError"
    );
    assert_eq!(paths(&other, "GetInhibitors"), [inhibitor(cookie)].into());
    holder.gnome("Uninhibit", &cookie).unwrap();
    assert_eq!(refusal(holder.gnome("Uninhibit", &cookie)), "GeneralError");
    assert_eq!(paths(&other, "GetInhibitors"), BTreeSet::new());
}

fn the_lists_are_what_was_registered(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let clients: Vec<_> = (0..3)
        .map(|_| session.client("part", Manner::Agree))
        .collect();
    let expected: BTreeSet<String> = clients.iter().map(|c| c.path().to_owned()).collect();
    assert_eq!(paths(&raw, "GetClients"), expected);
    let held: BTreeSet<String> = clients
        .iter()
        .map(|c| inhibitor(c.inhibit("x", 1)))
        .collect();
    assert_eq!(paths(&raw, "GetInhibitors"), held);
}

fn what_comes_and_goes_is_broadcast(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    raw.listen(&format!(
        "type='signal',interface='{MANAGER}',path='{MANAGER_PATH}'"
    ));
    let client = session.client("editor", Manner::Silent);
    let cookie = client.inhibit("unsaved", 1);
    assert_eq!(path(&raw.hears_signal("ClientAdded", 1)), client.path());
    assert_eq!(
        path(&raw.hears_signal("InhibitorAdded", 1)),
        inhibitor(cookie)
    );
    client.uninhibit(cookie);
    assert_eq!(
        path(&raw.hears_signal("InhibitorRemoved", 1)),
        inhibitor(cookie)
    );
    client.unregister();
    assert_eq!(path(&raw.hears_signal("ClientRemoved", 1)), client.path());
    // A crash is told in the same way, of all that the connection held.
    let crashing = session.client("crashing", Manner::Silent);
    let cookie = crashing.inhibit("unsaved", 1);
    crashing.leave();
    assert_eq!(
        path(&raw.hears_signal("InhibitorRemoved", 2)),
        inhibitor(cookie)
    );
    assert_eq!(path(&raw.hears_signal("ClientRemoved", 2)), crashing.path());
    assert_eq!(
        raw.hears_signal("ClientAdded", 1).header().destination(),
        None
    );
}

fn inhibited_actions_change_with_the_inhibitors(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    raw.listen(&format!(
        "type='signal',interface='{PROPERTIES}',path='{MANAGER_PATH}'"
    ));
    let changed = |nth: usize| -> u32 {
        let message = raw.hears_signal("PropertiesChanged", nth);
        let body = message.body();
        let (interface, mut changed, gone): (&str, HashMap<&str, Variant<'_>>, Vec<&str>) =
            body.deserialize().unwrap();
        assert_eq!(
            (interface, changed.len(), gone.len()),
            (MANAGER, 1, 0),
            "{changed:?}"
        );
        u32::try_from(changed.remove("InhibitedActions").unwrap()).unwrap()
    };
    let first = raw.inhibit("a", "x", 1).unwrap();
    assert_eq!(changed(1), 1);
    let second = raw.inhibit("b", "x", 1 | 8).unwrap();
    assert_eq!(changed(2), 9);
    assert_eq!(
        *get(&raw, MANAGER_PATH, MANAGER, "InhibitedActions"),
        Variant::from(9_u32)
    );
    // What changes nothing is not told: the next change is that of the second.
    raw.gnome("Uninhibit", &first).unwrap();
    raw.gnome("Uninhibit", &second).unwrap();
    assert_eq!(changed(3), 0);
}

fn presence_is_kept_and_broadcast(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    raw.listen(&format!("type='signal',interface='{PRESENCE}'"));
    raw.call(PRESENCE_PATH, PRESENCE, "SetStatus", &2_u32)
        .unwrap();
    assert_eq!(number(raw.hears_signal("StatusChanged", 1)), 2);
    raw.call(PRESENCE_PATH, PRESENCE, "SetStatusText", &"in a call")
        .unwrap();
    assert_eq!(text(raw.hears_signal("StatusTextChanged", 1)), "in a call");
    assert_eq!(
        *get(&raw, PRESENCE_PATH, PRESENCE, "status"),
        Variant::from(2_u32)
    );
    assert_eq!(
        *get(&raw, PRESENCE_PATH, PRESENCE, "status-text"),
        Variant::from("in a call")
    );
    assert_eq!(
        refusal(raw.call(PRESENCE_PATH, PRESENCE, "SetStatus", &4_u32)),
        "InvalidOption"
    );
    let set = |name: &str, value: Variant<'_>| {
        raw.call(PRESENCE_PATH, PROPERTIES, "Set", &(PRESENCE, name, value))
    };
    set("status", Variant::from(3_u32)).unwrap();
    assert_eq!(number(raw.hears_signal("StatusChanged", 2)), 3);
    set("status-text", Variant::from("away")).unwrap();
    assert_eq!(text(raw.hears_signal("StatusTextChanged", 2)), "away");
    for wrong in [
        set("status", Variant::from(4_u32)),
        set("status", Variant::from("busy")),
    ] {
        assert_eq!(refusal(wrong), "PropertyReadOnly");
    }
    assert_eq!(
        *get(&raw, PRESENCE_PATH, PRESENCE, "status"),
        Variant::from(3_u32)
    );
}

fn the_properties_are_complete(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let all = |path: &str, interface: &str| -> BTreeSet<String> {
        let reply = raw.call(path, PROPERTIES, "GetAll", &interface).unwrap();
        let body = reply.body();
        let all: HashMap<&str, Variant<'_>> = body.deserialize().unwrap();
        all.keys().map(ToString::to_string).collect()
    };
    let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    let own: BTreeSet<String> = names(&[
        "SessionName",
        "Renderer",
        "SessionIsActive",
        "InhibitedActions",
    ]);
    assert_eq!(all(MANAGER_PATH, MANAGER), own);
    assert_eq!(
        all(PRESENCE_PATH, PRESENCE),
        names(&["status", "status-text"])
    );
    assert_eq!(
        *get(&raw, MANAGER_PATH, MANAGER, "SessionIsActive"),
        Variant::from(true)
    );
    let unknown = raw.call(MANAGER_PATH, PROPERTIES, "Get", &(MANAGER, "Colour"));
    assert_eq!(refusal(unknown), "UnknownProperty");
    let set = (MANAGER, "SessionName", Variant::from("mine"));
    assert_eq!(
        refusal(raw.call(MANAGER_PATH, PROPERTIES, "Set", &set)),
        "PropertyReadOnly"
    );
}

fn the_session_runs_and_takes_no_environment(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let running = raw.gnome("IsSessionRunning", &()).unwrap();
    assert!(running.body().deserialize::<bool>().unwrap());
    assert_eq!(
        refusal(raw.gnome("Setenv", &("A", "b"))),
        "NotInInitialization"
    );
    assert_eq!(
        refusal(raw.gnome("InitializationError", &("x", true))),
        "NotInInitialization"
    );
    raw.gnome("Initialized", &()).unwrap();
    // 5 is LC_MESSAGES; the sandbox's LANG.
    assert_eq!(text(raw.gnome("GetLocale", &5_i32).unwrap()), "C.UTF-8");
}

/// The introspection data of every object below `path`.
fn walk(raw: &Raw, path: &str, found: &mut Vec<(String, String)>) {
    let xml = raw.call(
        path,
        "org.freedesktop.DBus.Introspectable",
        "Introspect",
        &(),
    );
    let xml = text(xml.unwrap());
    for child in xml.split("<node name=\"").skip(1) {
        let name = child.split('"').next().unwrap();
        walk(
            raw,
            &format!("{}/{name}", path.trim_end_matches('/')),
            found,
        );
    }
    found.push((path.to_owned(), xml));
}

fn every_object(raw: &Raw) -> Vec<(String, String)> {
    raw.register("editor", "").unwrap();
    raw.inhibit("burner", "burning", 1).unwrap();
    let mut found = Vec::new();
    walk(raw, "/", &mut found);
    found
}

fn every_object_is_introspected_and_is_what_it_says(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let found = every_object(&raw);
    let objects: Vec<&str> = found
        .iter()
        .filter(|(_, xml)| xml.contains("<interface"))
        .map(|(path, _)| path.as_str())
        .collect();
    let number = |kind: &str| objects.iter().filter(|p| p.contains(kind)).count();
    assert_eq!(objects.len(), 5, "{objects:?}");
    assert!(objects.contains(&MANAGER_PATH) && objects.contains(&CONTROL_PATH));
    assert_eq!(
        (number("/Client"), number("/Inhibitor"), number("/Presence")),
        (1, 1, 1)
    );
    for (path, xml) in &found {
        for interface in xml.split("<interface name=\"").skip(1) {
            let (name, rest) = interface.split_once('"').unwrap();
            let body = rest.split("</interface>").next().unwrap();
            for method in body.split("<method name=\"").skip(1) {
                let method = method.split('"').next().unwrap();
                // Nothing takes an (xd), so nothing is done but to say so, or to ignore it.
                let called = raw.call(path, name, method, &(1_i64, 2.0));
                let error = called.map_err(|e| e.name).err().unwrap_or_default();
                assert!(
                    !error.contains("Unknown"),
                    "{path} {name}.{method}: {error}"
                );
                if matches!(method, "Logout" | "Request") {
                    assert!(error.ends_with("InvalidArgs"), "{method}: {error}");
                }
            }
            for property in body.split("<property name=\"").skip(1) {
                get(&raw, path, name, property.split('"').next().unwrap());
            }
        }
    }
}

fn glib_parses_the_introspection_of_every_object(on: On) {
    let session = Session::on(on);
    let found = every_object(&session.raw());
    let script = "import gi, sys\n\
                  from gi.repository import Gio\n\
                  for xml in sys.argv[1:]:\n    \
                      print(len(Gio.DBusNodeInfo.new_for_xml(xml).interfaces))";
    let mut words = vec!["python3", "-c", script];
    words.extend(found.iter().map(|(_, xml)| xml.as_str()));
    let parsed = support::run(&session.sandbox, &words);
    assert_eq!(parsed.code(), Some(0), "{}", parsed.err);
    let counts: Vec<usize> = parsed.out.lines().map(|l| l.parse().unwrap()).collect();
    let expected: Vec<usize> = found
        .iter()
        .map(|(_, xml)| xml.matches("<interface ").count())
        .collect();
    assert_eq!(counts, expected);
}
