// Contacts of an account are texts of whoever may register. Each line of the table was registered at FreeSWITCH 1.10.12 and
// is what `sofia_contact` then answered: what could make the switch dial something else than a phone is left out.
import { describe, expect, test } from 'bun:test'
import { CONTACTS_MAX, readContacts } from '../../src/esl/contacts.ts'

const GOOD = 'sofia/internal/sip:1000@127.0.0.1:32960;transport=udp;pn-provider=fcm;pn-prid=c0ffee:APA91b%2Cx'

const NONE = { unsafe: 0, older: 0 }

describe('contacts that are dialled', () => {
  test.each([
    [GOOD],
    ['sofia/internal/sip:1000@127.0.0.1:36885;pn-provider=apns;pn-param=TEAM.com.x.voip&remote'],
    ['sofia/internal/sip:3000@127.0.0.1:43651;'],
    ['sofia/internal/sip:4009@127.0.0.1;transport=tls'],
    ['sofia/internal/sip:4010@127.0.0.1;fs_nat=yes;fs_path=sip:proxy.example%3Blr'],
    ['sofia/internal/sip:4003@127.0.0.1;x=%5Ba%5D'],
    ['sofia/internal/sip:4006@127.0.0.1;x=a%20b'],
    ['sofia/internal-ipv6/sip:1000@[2001:db8::1]:5060;transport=tcp;pn-prid=c0ffee:APA91b'],
    ['sofia/internal/sip:1@[::1]:5099'],
    ['sofia/internal/sip:1@[::ffff:192.0.2.7]'],
  ])('%s', contact => {
    expect(readContacts(`${contact}\n`)).toEqual({ contacts: [contact] as never, leftOut: NONE })
  })
})

describe('contacts that are left out', () => {
  test.each([
    ['a second call placed in parallel', 'sofia/internal/sip:4000@127.0.0.1;x=a:_:sofia/gateway/g/900', 1],
    ['a gateway behind a pipe', 'sofia/internal/sip:4002@127.0.0.1;x=a|sofia/gateway/g/900', 1],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: FreeSWITCH's own syntax, not ours
    ['an expansion', 'sofia/internal/sip:4004@127.0.0.1;x=${uuid}', 1],
    ['a quote', "sofia/internal/sip:4016@127.0.0.1;x='a", 1],
    ['a double quote', 'sofia/internal/sip:1@127.0.0.1;x="a"', 1],
    ['a backslash', 'sofia/internal/sip:1@127.0.0.1;x=a\\n', 1],
    ['another separator', 'sofia/internal/sip:1@127.0.0.1;x=^^:a', 1],
    ['a variable for the leg', '[api_on_answer=x]sofia/internal/sip:1@127.0.0.1', 1],
    ['a variable for the call', '{api_on_answer=x}sofia/internal/sip:1@127.0.0.1', 1],
    ['a block for the switch', '<a=b>sofia/internal/sip:1@127.0.0.1', 1],
    ['a blank', 'sofia/internal/sip:1@127.0.0.1 &park()', 1],
    ['a mark that divides our own command', 'sofia/internal/sip:1@127.0.0.1;x=a!hangup', 1],
    ['no user', 'sofia/internal/sip:(null)@127.0.0.1:55017;ob', 1],
    ['no host', 'sofia/internal/sip:+49014@(null)', 1],
    ['brackets without an address', 'sofia/internal/sip:1@[]:5099', 1],
    ['brackets with no whole address', 'sofia/internal/sip:1@[1]:5099', 1],
    ['brackets with a variable', 'sofia/internal/sip:1@[api_on_answer=x]:5099', 1],
    ['brackets with letters of no address', 'sofia/internal/sip:1@[::g]', 1],
    ['brackets with a zone', 'sofia/internal/sip:1@[fe80::1%eth0]', 1],
    ['two addresses', 'sofia/internal/sip:1@[::1][::2]', 1],
    ['a bracket that opens another', 'sofia/internal/sip:1@[[::1]]', 1],
    ['a bracket that nothing closes', 'sofia/internal/sip:1@[::1', 1],
    ['another separator in brackets', 'sofia/internal/sip:1@[^^::1]', 1],
    ['brackets behind the host', 'sofia/internal/sip:1@[::1];x=[a=b]', 1],
    ['brackets in the user', 'sofia/internal/sip:[::1]@h', 1],
    ['a second call behind an address', 'sofia/internal/sip:1@[::1]:_:sofia/gateway/g/900', 1],
    ['a gateway', 'sofia/gateway/g/900', 1],
    ['a gateway by other letters', 'sofia/GateWay/sip:900@127.0.0.1', 1],
    ['another endpoint', 'loopback/900', 1],
    ['a script', 'lua/x', 1],
    ['the event socket’s own module', 'sofia/internal/sip:1@127.0.0.1;x=mod_event_socket', 1],
    ['a header of its own', 'sofia/internal/sip:1@127.0.0.1?Route=x', 1],
    ['more than a contact is long', `sofia/internal/sip:1@127.0.0.1;x=${'a'.repeat(2_000)}`, 1],
    ['nothing between two commas', '', 0],
  ])('%s', (_, contact, leftOut) => {
    expect(readContacts(`${contact}\n`)).toEqual({ contacts: [], leftOut: { unsafe: leftOut, older: 0 } })
    expect(readContacts(`${GOOD},${contact}\n`).contacts).toEqual([GOOD] as never)
  })

  test('a gateway behind a comma, of which only the phone before it is dialled', () => {
    const smuggler = 'sofia/internal/sip:4001@127.0.0.1;x=a,sofia/gateway/g/900'
    expect(readContacts(smuggler)).toEqual({
      contacts: ['sofia/internal/sip:4001@127.0.0.1;x=a'] as never,
      leftOut: { unsafe: 1, older: 0 },
    })
  })

  test('all but the newest of many', () => {
    const many = Array.from({ length: CONTACTS_MAX + 3 }, (_, at) => `sofia/internal/sip:${at}@127.0.0.1`)
    const { contacts, leftOut } = readContacts(many.join(','))
    expect(contacts).toEqual(many.slice(3) as never)
    expect(leftOut).toEqual({ unsafe: 0, older: 3 })
  })
})

test.each([['error/user_not_registered\n'], ['-ERR Command not found!\n'], ['\n'], ['']])(
  '%p is no contact',
  answer => {
    expect(readContacts(answer)).toEqual({ contacts: [], leftOut: NONE })
  },
)
