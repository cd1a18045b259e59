//! The seed, "How to log off the current user", as an application: asked, it asks its user "End the session?". Yes lets the session end, No keeps it. The
//! same source on Linux and on Windows. With `--end` it ends the session itself, as the seed does, and is asked like everybody.

use endsession::{Client, Event};

fn main() -> Result<(), endsession::Error> {
    let (_client, events) = Client::connect("org.endsession.EndTheSession")?;
    println!("ready");
    if std::env::args().any(|word| word == "--end") {
        // What becomes of it this program hears below.
        let _under_way = endsession::log_off()?;
    }
    for event in events {
        match event {
            Event::Query(query) => {
                let asking = query.ask_user("Unsaved work");
                if endsession::ask("End the session?")? {
                    asking.accept();
                } else {
                    asking.refuse("The user wants to go on");
                }
            }
            Event::End(end) => {
                end.done();
                break;
            }
            _ => {}
        }
    }
    Ok(())
}
