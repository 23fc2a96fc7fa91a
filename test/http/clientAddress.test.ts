// Who is at the other end, where the connection comes from elsewhere than this machine.
import { describe, expect, test } from 'bun:test'
import { parseNetworks } from '../../src/config/networks.ts'
import { clientOf } from '../../src/http/clientAddress.ts'

const PROXIES = parseNetworks(['10.1.0.0/16', '2001:db8:1::/48', '127.0.0.1'])

const CASES: [connection: string, forwardedFor: string, address: string, isCertain: boolean, why: string][] =
  [
    ['10.1.0.1', '192.0.2.7', '192.0.2.7', true, 'the client of a proxy'],
    ['::ffff:10.1.0.1', '192.0.2.7', '192.0.2.7', true, 'the same on a dual-stack socket'],
    ['2001:db8:1::1', '[2001:db8:2::7]:1', '2001:db8:2::7', true, 'by IPv6'],
    ['10.1.0.1', '127.0.0.1', '10.1.0.1', false, 'the loopback of a proxy elsewhere is not ours'],
    ['10.1.0.1', '::1', '10.1.0.1', false, 'nor is it by IPv6'],
    ['10.1.0.1', '127.0.0.2', '10.1.0.1', false, 'nor another address of it'],
    ['127.0.0.1', '127.0.0.1, 10.1.0.1', '10.1.0.1', false, 'nor behind a proxy of this machine'],
    ['127.0.0.1', '127.0.0.2', '127.0.0.2', true, 'that of a proxy here is'],
    ['127.0.0.1', '127.0.0.1', '127.0.0.1', false, 'a chain of proxies alone names nobody'],
    ['10.1.0.1', '203.0.113.9, 10.1.0.2', '203.0.113.9', true, 'two proxies'],
    ['203.0.113.9', '127.0.0.1', '203.0.113.9', false, 'nobody’s proxy'],
    ['10.1.0.1', '192.0.2.7, nonsense', '10.1.0.1', false, 'a gap'],
    ['10.1.0.1', '192.0.2.7, nonsense, 10.1.0.2', '10.1.0.2', false, 'a gap behind two proxies'],
  ]

describe('X-Forwarded-For', () => {
  test.each(CASES)('from %s: %s is %s (certain: %p), %s', (connection, forwardedFor, address, isCertain) => {
    for (const headers of [
      new Headers({ 'x-forwarded-for': forwardedFor }),
      new Headers({
        forwarded: forwardedFor
          .split(', ')
          .map(each => `for="${each}"`)
          .join(','),
      }),
    ])
      expect(clientOf(connection, headers, PROXIES)).toEqual({ address, isCertain })
  })
})

test('without any forwarding header it is whoever connects, proxy or not', () => {
  for (const connection of ['203.0.113.9', '10.1.0.1', '::ffff:192.0.2.7'])
    expect(clientOf(connection, new Headers({ host: 'x', accept: '*/*' }), PROXIES)).toEqual({
      address: connection,
      isCertain: true,
    })
})
