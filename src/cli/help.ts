// What the help teaches beyond the list of commands: a first call, the exit codes, where settings come from; and an
// example for each command.
import { SETTINGS } from '../config/settings.ts'

/** Stands below the list of commands. */
export const AFTER_HELP = `
A first call, while the service or the demo (npm run demo) is running:
  hookswitch call --caller 1001 --callee 1002 --dial-id my-call
  hookswitch barge my-call 1003 --caller-id 1002    1003 listens
  hookswitch whisper my-call                        1001 hears 1003, 1002 does not
  hookswitch hangup my-call

Exit codes:
  0    done; for a command that steers: the agent has obeyed (ack)
  1    the agent answered with a failure, whose cause is printed; or the call was not made; or the
       doctor found a problem
  2    a mistake in the command line or a setting
  3    no such call, or nobody listens on its channel
  4    no answer within --timeout
  5    Redis does not answer
  130  Ctrl-C

Standard output has what was asked for, standard error everything else.
Each command has its own help: hookswitch call --help

Settings, from the environment:
  ${SETTINGS.redisUrl.env}  where Redis is (default: ${SETTINGS.redisUrl.fallbackText})
                    (the doctor reads all that the service reads: hookswitch settings)
  NO_COLOR          no colours; nor are there any where the output is no terminal

The service itself is started with npm start. In a checkout, hookswitch is npm run -s cli --`

/** An example for each command, by the command's name. */
export const EXAMPLES: Record<string, string[]> = {
  call: [
    'hookswitch call --caller +15105550101 --callee +15105550102 --watch',
    'hookswitch call --caller 1001 --callee 1002 --provider acme --org 7 --user 42 --dial-id my-call',
  ],
  'bot-call': ['hookswitch bot-call --phone sip:alice@203.0.113.7 --caller-id +15105550100 --dial-id my-bot'],
  'load-test': ['hookswitch load-test --phone +15105550101 --gateway acme --leg customer --watch'],
  barge: ['hookswitch barge my-call +15105550103 --caller-id +15105550102'],
  whisper: ['hookswitch whisper my-call'],
  threeway: ['hookswitch threeway my-call --barge-id 6b1f6c1e-6f3c-4a6e-9a53-2f1f0c7f1d10'],
  mute: ['hookswitch mute my-call'],
  unthreeway: ['hookswitch unthreeway my-call'],
  hangup: [
    'hookswitch hangup my-call',
    'hookswitch hangup my-call --barge-id 6b1f6c1e-6f3c-4a6e-9a53-2f1f0c7f1d10',
  ],
  play: ['hookswitch play my-call /var/sounds/please-hold.wav'],
  'play-now': ['hookswitch play-now my-call /var/sounds/goodbye.wav'],
  'stop-playback': ['hookswitch stop-playback my-call'],
  'start-background': ['hookswitch start-background my-call /var/sounds/office.wav'],
  'stop-background': ['hookswitch stop-background my-call /var/sounds/office.wav'],
  bridge: ['hookswitch bridge 2f0d8a52-5bd5-4a1c-8b0e-6a8b7c9d0e1f bot-1 bot-2'],
  watch: ['hookswitch watch my-call', "hookswitch watch my-call --json | jq -r '.message.type'"],
  timeline: ['hookswitch timeline my-call', "hookswitch timeline 1001 --json | jq -r '.calls[0].summary'"],
  calls: ['hookswitch calls', "hookswitch calls --json | jq -r '.dial_id'"],
  history: ['hookswitch history cli cli'],
  doctor: ['hookswitch doctor', 'hookswitch doctor --json | jq -r \'select(.level != "ok").what\''],
  settings: ['hookswitch settings', 'hookswitch settings --format markdown'],
}
