//! `endsession status` where another manager owns the session: whose it is, and what that manager
//! tells of its clients and inhibitors.

use endsession_manager::report::{App, Held, Hold, Status, VERSION, one_line};

use super::inhibitors::{Inhibitor, client_pid, paths_of};
use super::{Desk, Elsewhere, Owner, gnome, xfce};
use crate::exit::Result;

/// Clients looked at: each costs questions.
pub(super) const MAX_CLIENTS: usize = 256;

/// What there is to know.
pub(crate) async fn run(owner: Owner) -> Result<Status> {
    let at = Elsewhere::connect(owner).await?;
    let mut status = Status {
        version: VERSION,
        manager_pid: at.owner.pid.unwrap_or_default(),
        display: "not looked at".to_owned(),
        owner: Some(at.owner.to_string()),
        ..Status::default()
    };
    match at.owner.desk {
        Desk::Gnome | Desk::Mate | Desk::Cinnamon => gnome_family(&at, &mut status).await,
        Desk::Xfce => {
            let clients = xfce::Client::all(&at).await;
            status.applications = clients.into_iter().map(xfce_client).collect();
        }
        // These tell of no client.
        Desk::Kde | Desk::Lxqt | Desk::Cosmic => {}
    }
    Ok(status)
}

async fn gnome_family(at: &Elsewhere, status: &mut Status) {
    let asked = at
        .bus
        .call(gnome::NAME, gnome::PATH, gnome::NAME, "GetClients", &());
    let clients = asked.await.map(|r| paths_of(&r)).unwrap_or_default();
    for path in clients.into_iter().take(MAX_CLIENTS) {
        let asked = at
            .bus
            .call(gnome::NAME, &path, gnome::CLIENT, "GetAppId", &());
        let name: Option<String> = asked.await.ok().and_then(|r| r.body().deserialize().ok());
        let pid = client_pid(at, &path).await;
        let name = one_line(&name.unwrap_or_default());
        let app = application(status, name, pid);
        app.protocols = vec!["org.gnome.SessionManager".to_owned()];
    }
    for inhibitor in Inhibitor::all(at).await {
        let blocker = inhibitor.blocker();
        status.holds.push(Held {
            id: blocker.id,
            name: blocker.name,
            pid: blocker.pid,
            reason: blocker.reason,
            what: endsession_manager::report::what(inhibitor.flags),
        });
        if inhibitor.blocks() {
            let blocker = inhibitor.blocker();
            let app = application(status, blocker.name.clone(), blocker.pid);
            app.protocols.push("inhibitor".to_owned());
            app.inhibitors.push(blocker.reason.clone());
            status.blockers.push(blocker);
        } else {
            status.other_inhibitors.push(Hold {
                name: inhibitor.name,
                reason: inhibitor.reason,
                what: what(inhibitor.flags),
            });
        }
    }
}

/// The application of this name and process, made where it is not there.
fn application(status: &mut Status, name: String, pid: Option<u32>) -> &mut App {
    let apps = &mut status.applications;
    let same = |a: &App| a.pid == pid && a.name == name;
    let at = apps.iter().position(same).unwrap_or_else(|| {
        let of_process = pid.and_then(endsession_manager::process::program);
        apps.push(App {
            id: match pid {
                Some(pid) => pid.to_string(),
                None => format!("app:{name}"),
            },
            name: match name.as_str() {
                "" => of_process.unwrap_or_default(),
                _ => name,
            },
            pid,
            responding: true,
            state: "running".to_owned(),
            ..App::default()
        });
        apps.len() - 1
    });
    &mut apps[at]
}

fn xfce_client(client: xfce::Client) -> App {
    App {
        id: match client.pid {
            Some(pid) => pid.to_string(),
            None => format!("app:{}", client.path),
        },
        name: client.program,
        pid: client.pid,
        protocols: vec!["xsmp".to_owned()],
        responding: true,
        state: "running".to_owned(),
        ..App::default()
    }
}

/// What an inhibitor is against, as docs/json.md has it.
fn what(flags: u32) -> Vec<String> {
    [
        (2, "switch-user"),
        (4, "suspend"),
        (8, "idle"),
        (16, "automount"),
    ]
    .into_iter()
    .filter(|(flag, _)| flags & flag != 0)
    .map(|(_, word)| word.to_owned())
    .collect()
}
