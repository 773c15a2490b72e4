#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# hvctl top on a terminal: what it draws, how it is left, and that the terminal
# is then as it was.

. "$(dirname "$0")/lib.sh"
export TERM=xterm

escape=$'\e'

# top KEYS SECONDS [OPTION]...: press KEYS, after that time, in a terminal of 24
# lines; what it was sent stays in $work/screen, the terminal's settings before
# and after in $work/before and $work/after.
top() {
	local keys=$1 seconds=$2

	shift 2
	{ sleep "$seconds"; printf '%b' "$keys"; sleep 2; } |
		timeout 30 script -qec "stty rows 24 cols 80; stty -g >$work/before; hvctl top $*
			code=\$?; stty -g >$work/after; exit \$code" "$work/typescript" >"$work/screen"
}

same_settings() { cmp "$work/before" "$work/after"; }

# screen_has PATTERN: blanks may be moves of the cursor.
screen_has() {
	sed "s/${escape}\[[0-9;]*[A-Za-z]/ /g" "$work/screen" | grep -Eq -- "$1"
}

sent() { grep -Fq -- "$escape$1" "$work/screen"; }

plan 14
hvctl create "$(config shown)"
hvctl create -p "$(config idle)"
check "q ends it" top q 4 -d 1
screen_has "hvctl top - [0-9:]+, 2 guests"; result $? "a summary"
screen_has "NAME +STATE +CPU% +MEM +VCP"; result $? "a header"
screen_has "shown +(running|blocked) +[0-9.]+ +96 +1 "; result $? "a running guest's row"
screen_has "idle +paused +0\.0 +96 +1 "; result $? "a paused guest's row"
screen_has "q quits"; result $? "what the keys do"
sent '[?1049h' && sent '[?25l'; result $? "a screen of its own, without a cursor"
sent '[?1049l' && sent '[?25h'; result $? "given back, cursor and all"
check "the terminal's settings are as before" same_settings
check "Ctrl-C ends it" top '\003' 3
screen_has "shown +(running|blocked)"; result $? "nobody waits for the first screen"
check "the terminal's settings are as before" same_settings
check "-n 1 ends by itself" top '' 3 -n 1 -d 0.5
check_text "a terminal nobody knows is an error" "cannot draw on this terminal: try -b" \
	"$(TERM=no-such top '' 0; cat "$work/screen")"

finish
