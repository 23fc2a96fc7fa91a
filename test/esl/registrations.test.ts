// The phones of a switch, read from what FreeSWITCH 1.10.12 answers: a list with one phone of each account, the profiles' statuses
// with all of them, in which any phone can write lines of its own, and an account's contacts.
import { describe, expect, test } from 'bun:test'
import { examineSwitch } from '../../src/esl/checkup.ts'
import type { EslCommand } from '../../src/esl/command.ts'
import { type Binding, readBindings } from '../../src/esl/registrations.ts'
import type { PhoneRegistration } from '../switch/registrations.ts'
import { startTestSwitch } from '../switch/testSwitch.ts'

const PUSHED = ';pn-provider=fcm;pn-param=example-project;pn-prid='
const uriOf = (host: string, token: string) => `sip:1000@${host}:5060;transport=tcp${PUSHED}${token}`

/** Everything that a switch with these phones says of them. @returns URLs by account, and the questions that it took. */
async function read(phones: PhoneRegistration[], { listsAllPhones = false } = {}) {
  await using opened = new AsyncDisposableStack()
  const testSwitch = opened.adopt(await startTestSwitch({ listsAllPhones, profiles: ['internal'] }), each =>
    each.close(),
  )
  for (const phone of phones) testSwitch.register(phone)
  const { registrations = [] } = await examineSwitch({
    host: '127.0.0.1',
    port: testSwitch.port,
    password: 'ClueCon',
    sipProfile: 'internal',
    gateways: [],
    callsPerSecond: 1,
    callsMax: 1,
    clock: Date.now,
    limitMs: 20_000,
  })
  const commands = testSwitch
    .records(0, ['command'])
    .flatMap(each => ('command' in each ? [each.command.replace(/^api /, '')] : []))
  return {
    urls: registrations.map(({ user, domain, url }) => `${user}@${domain} ${url}`).toSorted(),
    asked: commands.filter(each => /^(show|sofia xmlstatus|sofia_contact)\b/.test(each)),
  }
}

const LISTS = ['show registrations as json', 'sofia xmlstatus', 'sofia xmlstatus profile internal reg']

/** A Call-ID that closes its element and tells of a phone that is not there, as a folded header keeps it. */
const forging = (account: string, uri: string, lineEnd = '\n') =>
  [
    'x</call-id>',
    `        <user>${account}</user>`,
    `        <contact>&quot;&quot; &lt;${uri}&gt;</contact>`,
    '        <agent>z</agent>',
    '        <status>Registered(UDP)(unknown) exp() expsecs(600)</status>',
    '        y',
  ].join(lineEnd)

describe('the phones that are registered at a switch', () => {
  test.each([false, true])(
    'are all phones of an account; the switch lists all of them: %s',
    async listsAllPhones => {
      const hosts = ['192.0.2.1', '192.0.2.2', '192.0.2.3']
      const two = hosts.map((host, place) => ({ user: '1000', uri: uriOf(host, `t${place}`) }))
      const elsewhere = { user: '1000', domain: 'b.example', uri: uriOf('192.0.2.4', 'tb') }
      const { urls, asked } = await read([...two, elsewhere], { listsAllPhones })
      expect(urls).toEqual([
        ...hosts.map((host, place) => `1000@127.0.0.1 sofia/internal/${uriOf(host, `t${place}`)}`),
        `1000@b.example sofia/internal/${elsewhere.uri}`,
      ])
      expect(asked).toEqual([...LISTS, ...(listsAllPhones ? [] : ['sofia_contact */1000@127.0.0.1'])])
    },
  )

  test.each(['\n', '\r\n'])('are none that a Call-ID tells of, with the line end %j', async lineEnd => {
    const victim = { user: '1000', uri: uriOf('192.0.2.1', 'mine') }
    const thief = { user: '1001', uri: 'sip:1001@192.0.2.9' }
    const forged = forging('1000@127.0.0.1', uriOf('192.0.2.9', 'stolen'), lineEnd)
    const { urls } = await read([victim, { ...thief, callId: forged }])
    expect(urls).toEqual([
      `1000@127.0.0.1 sofia/internal/${victim.uri}`,
      `1001@127.0.0.1 sofia/internal/${thief.uri}`,
    ])
  })

  test('are not given to another account by a Call-ID', async () => {
    const thief = { user: '1001', uri: uriOf('192.0.2.9', 'stolen') }
    const { urls } = await read([{ ...thief, callId: forging('1000@127.0.0.1', thief.uri) }])
    expect(urls).toEqual([`1001@127.0.0.1 sofia/internal/${thief.uri}`])
  })

  test.each([
    ['marks that XML encodes', "sip:1000@192.0.2.1;x='&b&amp;lt;"],
    ['what FreeSWITCH keeps encoded', 'sip:1000@192.0.2.1;x=a%0Ab%3C%3E%22%2C%20b'],
    ['a comma', 'sip:1000@192.0.2.1;x=,sofia/gateway/acme/0900123456'],
    ['two calls placed in parallel', 'sip:1000@192.0.2.1;x=:_:sofia/gateway/acme/0900123456'],
    ['an IPv6 address', 'sip:1000@[2001:db8::1]:5060;transport=tcp'],
  ])('are read as they are with %s in the contact', async (_, uri) => {
    const newest = { user: '1000', uri: uriOf('192.0.2.2', 'newest') }
    const { urls } = await read([{ user: '1000', uri }, newest])
    expect(urls).toEqual(
      [`sofia/internal/${uri}`, `sofia/internal/${newest.uri}`]
        .map(url => `1000@127.0.0.1 ${url}`)
        .toSorted(),
    )
  })

  test('are asked for once where the list doubles an apostrophe, or says sips', async () => {
    const phones = ["sip:1000@192.0.2.1;x=a'b", 'sips:1000@192.0.2.1;x=b'].map((uri, place) => ({
      user: `100${place}`,
      uri,
    }))
    const { urls, asked } = await read(phones)
    expect(urls).toHaveLength(2)
    expect(asked).toEqual(LISTS)
  })

  test('are read by three questions when there are 5,000', async () => {
    const phones = Array.from({ length: 5_000 }, (_, place) => ({
      user: String(10_000 + place),
      uri: uriOf('192.0.2.1', `t${place}`),
    }))
    const { urls, asked } = await read(phones)
    expect(urls).toHaveLength(5_000)
    expect(asked).toEqual(LISTS)
  })
})

describe('a switch that answers less', () => {
  const row = { reg_user: '1000', realm: 'a', url: 'sofia/internal/sip:1000@192.0.2.1', expires: '1700' }
  const list = JSON.stringify({ row_count: 1, rows: [row] })
  const bindings: Binding[] = [{ user: '1000', domain: 'a', url: row.url, expiresAtSeconds: 1_700 }]
  const answering = (answers: Record<string, string>) => async (command: EslCommand) => answers[command]

  test.each([
    ['no list', {}, undefined],
    ['a refusal', { 'show registrations as json': '-ERR Command not found!\n' }, undefined],
    ['an empty list', { 'show registrations as json': '{"row_count": 0}\n' }, []],
    ['rows that are none', { 'show registrations as json': '{"rows":[null,7,{},{"reg_user":"a b"}]}' }, []],
    ['the list alone', { 'show registrations as json': list }, bindings],
    [
      'a profile that is gone',
      {
        'show registrations as json': list,
        'sofia xmlstatus': '<profile>\n<name>internal</name>\n',
        'sofia xmlstatus profile internal reg': 'Invalid Profile!\n',
      },
      bindings,
    ],
    [
      'a profile that no command may name',
      {
        'show registrations as json': list,
        'sofia xmlstatus': '<profile>\n<name>a b\nc</name>\n<profile>\n<name>x y</name>\n',
      },
      bindings,
    ],
  ] as [string, Record<string, string>, Binding[] | undefined][])('%s', async (_, answers, expected) => {
    expect(await readBindings(answering(answers), 1_000)).toEqual(expected)
  })
})
