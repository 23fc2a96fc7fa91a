// What a newcomer can try once the story is told: lines to copy, each with what it shows.
import { getLine, postLine, type Which } from '../../src/app/tryLine.ts'
import { CAST } from './story.ts'

/** npx would fetch a stranger's package in another directory; npm says that there is no such script. */
const CLI = 'npm run -s cli --'

export interface Places {
  redisUrl: string
  publicUrl: string
  internalUrl: string
  /** Where a phone of the switch is had to dial. */
  boothUrl: string
  which: Which
}

/** Lines of text, without colours, so that they can be copied. */
export function linesToTry({ redisUrl, publicUrl, internalUrl, boothUrl, which }: Places): string[] {
  const job = JSON.stringify({
    type: 'asp-call',
    dial_id: 'from-redis',
    call_provider: 'any',
    caller_number: CAST.caller,
    callee_number: CAST.callee,
    caller_id_lega: CAST.callee,
    caller_id_legb: CAST.caller,
    org_id: '7',
    user_id: '42',
  })
  const rows: [about: string, line: string][] = [
    [
      'a call, followed until it ends (leave it running)',
      `${CLI} call --caller 1001 --callee 1002 --dial-id my-call --watch`,
    ],
    ['a third phone listens', `${CLI} barge my-call 1003 --caller-id 1002`],
    ['1001 hears it, 1002 does not', `${CLI} whisper my-call`],
    ['the call as Redis has it, and its end', `${CLI} calls; ${CLI} hangup my-call`],
    ['what became of it, step by step', `${CLI} timeline my-call`],
    ['a number that is busy', `${CLI} call --caller 1001 --callee 1486 --watch`],
    [
      'a call to a sleeping phone, which is woken first (its phone hangs up after 20 s)',
      `${CLI} call --caller ${CAST.callee} --callee-account ${CAST.sleeper} --dial-id woken --watch`,
    ],
    [
      'the same from the dialplan: 1001 dials 1000 at the switch',
      postLine(`${boothUrl}/dial`, { from: CAST.caller, extension: CAST.sleeper }, which),
    ],
    ['what became of both', `${CLI} timeline ${CAST.sleeper}`],
    ...(which('redis-cli')
      ? ([
          ['a job as a backend pushes it', `redis-cli -u $PUBSUB_REDIS_URL RPUSH talkiq-asp.calls '${job}'`],
        ] as [string, string][])
      : []),
    [
      "a PBX's request, held until the app has answered",
      postLine(
        `${publicUrl}/api/incoming-call/`,
        { sip_user_id: CAST.account, phonenumber: '+15105550100' },
        which,
      ),
    ],
    ['what became of that', `${CLI} timeline ${CAST.account}`],
    ['what a monitor reads', `${getLine(`${internalUrl}/metrics`, which)} | grep '^hookswitch_call'`],
  ]
  return [
    `To watch: ${internalUrl}/ in a browser. To try, in another terminal, in this directory:`,
    '',
    `  export PUBSUB_REDIS_URL=${redisUrl}`,
    // No comments: an interactive zsh runs them, and an apostrophe in one swallows what follows.
    ...rows.flatMap(([about, line]) => ['', `${about}:`, `  ${line}`]),
    '',
  ]
}
