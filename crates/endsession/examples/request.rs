//! Ends the session: `request logoff|restart|poweroff [force|if-hung]`. All programs are asked, and the outcome is what whoever manages the session tells of it.

use endsession::{EndRequest, Force};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut request = EndRequest::log_off();
    for word in std::env::args().skip(1) {
        request = match word.as_str() {
            "logoff" => EndRequest::log_off(),
            "restart" => EndRequest::restart(),
            "poweroff" => EndRequest::power_off(),
            "force" => request.force(Force::Yes),
            "if-hung" => request.force(Force::IfHung),
            _ => return Err(format!("unknown: {word}").into()),
        };
    }
    let pending = request.reason("An example asked for it").send()?;
    println!("sent");
    println!("{:?}", pending.wait());
    Ok(())
}
