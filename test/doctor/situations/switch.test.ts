// Wrong situations of the switch as people meet them: another service at its port, passwords, modules, gateways, phones
// that are registered with a dial string, and a dialplan that can't reach us.
import { freePort } from '../../harness/redis.ts'
import { startTestSwitch } from '../../switch/testSwitch.ts'
import { closing, expectEachToBeTold, good, PASSWORD, redis, stands } from './situations.ts'

expectEachToBeTold([
  {
    name: "a web server's port is given as the switch",
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${stands.http}` }),
    check: 'switch connection',
    what: /is a web server \(HTTP\), not FreeSWITCH's event socket\.$/,
    todo: /8021 by default/,
  },
  {
    name: "Redis' port is given as the switch",
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${redis.port}` }),
    check: 'switch connection',
    what: /is a Redis, not FreeSWITCH's event socket\.$/,
    todo: /^Mend host and port in ESL_URL/,
  },
  {
    name: "Asterisk's manager is given as the switch",
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${stands.manager}` }),
    check: 'switch connection',
    what: /is Asterisk's manager interface \(AMI\), not FreeSWITCH's event socket\.$/,
    todo: /^Mend host and port in ESL_URL/,
  },
  {
    name: 'our own listener for dialplans is given as the switch',
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${stands.door}` }),
    check: 'switch connection',
    what: /is hookswitch's own listener for dialplans \(SOCKET_PORT\)/,
    todo: /8021 by default/,
  },
  {
    name: 'TLS stands in front of the event socket',
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${stands.tls}` }),
    check: 'switch connection',
    what: /is something that speaks TLS, not FreeSWITCH's event socket\.$/,
    todo: /^The event socket knows no TLS\./,
  },
  {
    name: 'two switches refuse one password',
    env: async () => {
      const other = await startTestSwitch({ password: PASSWORD })
      closing.defer(() => other.close())
      return {
        ROLE: 'agent',
        ESL_URL: `127.0.0.1:${good.port},127.0.0.1:${other.port}`,
        ESL_PASSWORD: 'mistaken',
      }
    },
    check: 'switch connection',
    what: /^The switch refuses the password/,
    todo: /^Put the password of event_socket\.conf into ESL_PASSWORD\.$/,
  },
  {
    name: 'FreeSWITCH is not started',
    env: async () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${await freePort()}` }),
    check: 'switch connection',
    what: /^The switch can't be reached at 127\.0\.0\.1:\d+: nobody listens there \(ECONNREFUSED\)\.$/,
    todo: /^Start FreeSWITCH with its event socket/,
  },
  {
    name: 'mod_sofia is not loaded',
    env: async () => {
      const bare = await startTestSwitch({
        password: PASSWORD,
        gateways: { flowroute: 'up' },
        modules: ['mod_commands', 'mod_dptools', 'mod_local_stream', 'mod_sndfile', 'mod_tone_stream'],
      })
      closing.defer(() => bare.close())
      return { ROLE: 'agent', ESL_URL: `127.0.0.1:${bare.port}` }
    },
    check: 'switch modules',
    what: /^mod_sofia is not loaded: no phone can be called, and none registers\.$/,
    todo: /load mod_sofia/,
  },
  {
    name: 'a gateway has a slip in its name',
    env: () => ({ ROLE: 'agent', GATEWAY: 'flowrouet' }),
    check: 'switch gateway',
    what: /^GATEWAY names the gateway flowrouet, which the switch does not know/,
    todo: /mend GATEWAY/,
  },
  {
    name: 'a registered contact smuggles a dial string',
    env: async () => {
      const robbed = await startTestSwitch({ password: PASSWORD, gateways: { flowroute: 'up' } })
      closing.defer(() => robbed.close())
      robbed.register({ user: '1000', uri: 'sip:1000@192.0.2.7:5060;x=:_:sofia/gateway/acme/0900123456' })
      robbed.register({ user: '1002', uri: 'sip:1002@192.0.2.9:5060;x=,sofia/gateway/acme/0900123456' })
      robbed.register({
        user: '1001',
        uri: 'sip:1001@192.0.2.8:5060;pn-provider=fcm;pn-param=p;pn-prid=token',
      })
      return { ROLE: 'agent', ESL_URL: `127.0.0.1:${robbed.port}` }
    },
    check: 'switch contacts',
    what: /^A registered Contact has another dial string in it \(…000@127\.0\.0\.1, …002@127\.0\.0\.1\): a plain bridge to user\/… dials that, too/,
    todo: /flush_inbound_reg.*docs\/security\.md/,
  },
  {
    name: 'the switch stands elsewhere, and its dialplan is to come to loopback',
    env: () => ({
      ROLE: 'all',
      ESL_URL: `localhost.localdomain.invalid:${good.port}`,
      ESL_PASSWORD: PASSWORD,
    }),
    check: 'dialplan socket',
    isWarning: true,
    what: /can't reach the dialplan's socket, which listens on 127\.0\.0\.1 alone\.$/,
    todo: /^Set SOCKET_HOST to an address of this machine that the switch reaches/,
  },
])
