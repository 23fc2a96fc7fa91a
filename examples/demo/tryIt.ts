// What a newcomer can try once the story is told: lines to copy, each with what it shows.
import { CAST } from './story.ts'

export interface Places {
  redisUrl: string
  publicUrl: string
  internalUrl: string
  /** Whether this machine has it. */
  hasRedisCli: boolean
}

/** Lines of text, without colours, so that they can be copied. */
export function linesToTry({ redisUrl, publicUrl, internalUrl, hasRedisCli }: Places): string[] {
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
      `npx hookswitch call --caller 1001 --callee 1002 --dial-id my-call --watch`,
    ],
    ['a third phone listens', 'npx hookswitch barge my-call 1003 --caller-id 1002'],
    ['1001 hears it, 1002 does not', 'npx hookswitch whisper my-call'],
    ['the call as Redis has it, and its end', 'npx hookswitch calls; npx hookswitch hangup my-call'],
    ['what became of it, step by step', 'npx hookswitch timeline my-call'],
    ['a number that is busy', 'npx hookswitch call --caller 1001 --callee 1486 --watch'],
    ...(hasRedisCli
      ? ([
          ['a job as a backend pushes it', `redis-cli -u $PUBSUB_REDIS_URL RPUSH talkiq-asp.calls '${job}'`],
        ] as [string, string][])
      : []),
    [
      "a PBX's request, held until the app has answered",
      `curl -i ${publicUrl}/api/incoming-call/ -d sip_user_id=${CAST.account} -d phonenumber=+15105550100`,
    ],
    ['what became of that', `npx hookswitch timeline ${CAST.account}`],
    ['what a monitor reads', `curl -s ${internalUrl}/metrics | grep ^hookswitch_call`],
  ]
  return [
    `To watch: ${internalUrl}/ in a browser. To try, in another terminal, in this directory:`,
    '',
    `  export PUBSUB_REDIS_URL=${redisUrl}`,
    ...rows.flatMap(([about, line]) => ['', `  # ${about}`, `  ${line}`]),
    '',
  ]
}
