//! Marked blocks of a page: a comment that names a command, and a fence with its output.

/// What stands before a command.
const OPENING: &str = "<!-- output: ";
/// What stands between a command and its output.
const FENCE: &str = " -->\n```text\n";
/// What stands after the output.
const CLOSING: &str = "\n```";

/// The commands whose output a page shows, in the order in which they come.
pub(super) fn commands(page: &str) -> impl Iterator<Item = &str> {
    page.split(OPENING)
        .skip(1)
        .filter_map(|block| Some(block.split_once(FENCE)?.0))
}

/// What a page shows as a command's output.
pub(super) fn shown<'page>(page: &'page str, command: &str) -> Option<&'page str> {
    let (_, block) = page.split_once(&opening(command))?;
    Some(block.split_once(CLOSING)?.0)
}

/// A page with a command's output written anew; nothing if it shows none.
pub(super) fn filled(page: &str, command: &str, output: &str) -> Option<String> {
    let opening = opening(command);
    let (before, block) = page.split_once(&opening)?;
    let (_, after) = block.split_once(CLOSING)?;
    Some(format!("{before}{opening}{output}{CLOSING}{after}"))
}

fn opening(command: &str) -> String {
    format!("{OPENING}{command}{FENCE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "One.\n\n<!-- output: make a -->\n```text\nold\nlines\n```\n\n\
                        <!-- output: make b FOR=1 -->\n```text\nb\n```\nTwo.\n";

    #[test]
    fn a_page_names_the_commands_that_it_shows() {
        assert_eq!(
            commands(PAGE).collect::<Vec<_>>(),
            ["make a", "make b FOR=1"]
        );
        assert_eq!(shown(PAGE, "make a"), Some("old\nlines"));
        assert_eq!(shown(PAGE, "make b"), None);
    }

    #[test]
    fn the_output_alone_is_replaced() {
        let written = filled(PAGE, "make a", "new").unwrap();
        assert_eq!(written, PAGE.replace("old\nlines", "new"));
        assert_eq!(filled(PAGE, "make c", "new"), None);
    }
}
