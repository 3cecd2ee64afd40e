#!/bin/sh
# The hook of the REST compatibility check, made of operators' commands: changes state behind the API's back.
#   compat_hook.sh deactivate USER | delete USER | set-tokens USER N
# JETON names the binary; the server's own JETON_ settings lead it to the same database.
set -eu
jeton=${JETON:-target/release/jeton}
case $1 in
deactivate) exec "$jeton" user deactivate "$2" ;;
delete) exec "$jeton" user delete "$2" --yes ;;
# No balance is ever negative: less than nothing is nothing.
set-tokens) exec "$jeton" user set-balance "$2" "$(($3 < 0 ? 0 : $3))" ;;
esac
