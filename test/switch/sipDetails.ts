// The hundreds of SIP, RTP and accounting variables that make real events 4 to 13 KB long. No client of ours reads
// them; they are here, in the recorded order, so that big events are as big as real ones. Only bulky events get them.

import type { Channel } from './channel.ts'
import type { Exchange } from './exchange.ts'

type Pairs = readonly (readonly [string, string])[]

const PHONE_ADDRESS = '127.0.0.1:5090'
const REMOTE_SDP =
  'v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n' +
  'm=audio 36000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n' +
  'a=fmtp:101 0-15\r\na=ptime:20\r\n'

/** Sets these only when events are to be as big as real ones. */
export function setDetails(exchange: Exchange, channel: Channel, pairs: () => Pairs): void {
  if (exchange.settings.bulky) channel.variables.setAll(pairs())
}

const mediaPort = (channel: Channel): string => String(20_000 + ((channel.sessionId * 2) % 12_000))

/** Of an INVITE being written, up to the test's own variables. */
export const inviteTarget = (channel: Channel): Pairs => [
  ['sip_invite_domain', '127.0.0.1'],
  ['sip_local_network_addr', '127.0.0.1'],
  ['sip_profile_name', channel.gateway === undefined ? 'external' : 'gateway'],
]

/** The leg that an originate rings, and one that a bridge rings, announce their media differently. */
export const ownMedia = (channel: Channel, isBridged: boolean): Pairs => [
  ['rtp_use_codec_string', codecs(isBridged)],
  ['local_media_ip', '127.0.0.1'],
  ['local_media_port', mediaPort(channel)],
  ['advertised_media_ip', '127.0.0.1'],
  ['audio_media_flow', 'sendrecv'],
  ...(isBridged ? ([['video_media_flow', 'inactive']] as const) : []),
  ['rtp_local_sdp_str', ownSdp(channel, isBridged)],
]

const codecs = (isBridged: boolean): string => (isBridged ? 'PCMU@8000h@20i' : 'PCMU,PCMA')

const ownSdp = (channel: Channel, isBridged: boolean): string =>
  `v=0\r\no=FreeSWITCH 1795287427 1795287428 IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n` +
  `m=audio ${mediaPort(channel)} RTP/AVP 0 ${isBridged ? '' : '8 '}101 13\r\na=rtpmap:0 PCMU/8000\r\n` +
  `${isBridged ? '' : 'a=rtpmap:8 PCMA/8000\r\n'}a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n` +
  'a=rtpmap:13 CN/8000\r\na=ptime:20\r\na=sendrecv\r\n'

export const inviteSent = (channel: Channel): Pairs => [
  [
    'sip_outgoing_contact_uri',
    `<sip:gw+${channel.gateway}@127.0.0.1:5080;transport=udp;gw=${channel.gateway}>`,
  ],
  ['sip_req_uri', `${channel.destination}@${PHONE_ADDRESS}`],
  ['sip_to_host', PHONE_ADDRESS],
  ['sip_from_host', '127.0.0.1'],
  ['sofia_profile_name', 'external'],
  ['recovery_profile_name', 'external'],
  ['sofia_profile_url', 'sip:mod_sofia@127.0.0.1:5080'],
]

const replyAddress = (port: string): Pairs => [
  ['sip_local_network_addr', '127.0.0.1'],
  ...(port === '0' ? [] : ([['sip_reply_host', '127.0.0.1']] as const)),
  ['sip_reply_port', port],
  ...(port === '0' ? [] : ([['sip_network_ip', '127.0.0.1']] as const)),
  ['sip_network_port', port],
]

const dialogue = ({ profile, sessionId, uuid, destination }: Channel): Pairs => {
  const branch = uuid.replaceAll('-', '').slice(0, 13)
  const via = `SIP/2.0/UDP 127.0.0.1:5080;rport;branch=z9hG4bK${branch}`
  const from = `${profile.callerIdNumber}@127.0.0.1`
  const name = profile.callerIdName
  return [
    ['sip_recover_contact', `<sip:127.0.0.1:5090;transport=UDP>`],
    ['sip_full_via', via],
    ['sip_recover_via', via],
    ...(name === '' ? [] : ([['sip_from_display', name]] as const)),
    ['sip_full_from', `${name === '' ? '' : `"${name}" `}<sip:${from}>;tag=${branch}`],
    ['sip_full_to', `<sip:${destination}@${PHONE_ADDRESS}>;tag=32209SIPpTag${sessionId}`],
    ['sip_from_user', profile.callerIdNumber],
    ['sip_from_uri', from],
    ['sip_from_host', '127.0.0.1'],
    ['sip_to_user', destination],
    ['sip_to_port', '5090'],
    ['sip_to_uri', `${destination}@${PHONE_ADDRESS}`],
    ['sip_to_host', '127.0.0.1'],
    ['sip_contact_params', 'transport=UDP'],
    ['sip_contact_user', 'nobody'],
    ['sip_contact_port', '5090'],
    ['sip_contact_uri', `nobody@${PHONE_ADDRESS}`],
    ['sip_contact_host', '127.0.0.1'],
    ['sip_to_tag', `32209SIPpTag${sessionId}`],
    ['sip_from_tag', branch],
    ['sip_cseq', String(123_106_000 + sessionId)],
    ['sip_call_id', uuid],
  ]
}

/** Of a phone that rings (180). */
export const ringingDetails = (channel: Channel): Pairs => [...replyAddress('5090'), ...dialogue(channel)]

/** Of a phone that sends sound before it answers (183), and again when such a phone answers. */
export const earlyMediaDetails = (channel: Channel): Pairs => [
  ...replyAddress('5090'),
  ['ep_codec_string', 'CORE_PCM_MODULE.PCMU@8000h@20i@64000b'],
  ...dialogue(channel),
  ['switch_r_sdp', REMOTE_SDP],
]

/** Of a phone that answers without having sent sound. */
export const answerDetails = (channel: Channel): Pairs => [
  ['switch_r_sdp', REMOTE_SDP],
  ['ep_codec_string', 'CORE_PCM_MODULE.PCMU@8000h@20i@64000b'],
  ...negotiatedMedia(channel),
]

/** Of agreed media; early media agrees before the answer. */
export const negotiatedMedia = (channel: Channel): Pairs => [
  ['rtp_use_codec_string', codecs(channel.other?.type === 'originator')],
  ['remote_video_media_flow', 'inactive'],
  ['remote_text_media_flow', 'inactive'],
  ['remote_audio_media_flow', 'sendrecv'],
  ...(channel.answerState === 'early' ? ([['audio_media_flow', 'sendrecv']] as const) : []),
  ['rtp_audio_recv_pt', '0'],
  ['rtp_use_codec_name', 'PCMU'],
  ['rtp_use_codec_rate', '8000'],
  ['rtp_use_codec_ptime', '20'],
  ['rtp_use_codec_channels', '1'],
  ['rtp_last_audio_codec_string', 'PCMU@8000h@20i@1c'],
  ['read_codec', 'PCMU'],
  ['original_read_codec', 'PCMU'],
  ['read_rate', '8000'],
  ['original_read_rate', '8000'],
  ['write_codec', 'PCMU'],
  ['write_rate', '8000'],
  ['dtmf_type', 'rfc2833'],
  ['local_media_ip', '127.0.0.1'],
  ['local_media_port', mediaPort(channel)],
  ['advertised_media_ip', '127.0.0.1'],
  ['rtp_use_timer_name', 'soft'],
  ['rtp_use_pt', '0'],
  ['rtp_use_ssrc', String(1_000_000_000 + channel.sessionId)],
  ['rtp_2833_send_payload', '101'],
  ['rtp_2833_recv_payload', '101'],
  ['remote_media_ip', '127.0.0.1'],
  ['remote_media_port', '36000'],
]

/** Of a leg that is handed another's media: which parts are renewed depends on when they meet. */
export const sharedMedia = (wasEarly: boolean): Pairs => [
  ['switch_m_sdp', REMOTE_SDP],
  ...(wasEarly
    ? []
    : ([
        ['video_media_flow', 'inactive'],
        ['text_media_flow', 'inactive'],
        ['audio_media_flow', 'sendrecv'],
      ] as const)),
]

export const offeredMedia: Pairs = [['switch_m_sdp', REMOTE_SDP]]

/** Of a refusal that came from the phone, or from nobody. */
export const refusalAddress = (channel: Channel, isFromPhone: boolean): Pairs => [
  ['sip_call_id', channel.uuid],
  ...replyAddress(isFromPhone ? '5090' : '0'),
]

/** What was counted of the sound, of a leg that was answered. */
export const soundStatistics: Pairs = (
  'in_raw_bytes=0 in_media_bytes=0 in_packet_count=0 in_media_packet_count=0 in_skip_packet_count=251 ' +
  'in_jitter_packet_count=0 in_dtmf_packet_count=0 in_cng_packet_count=0 in_flush_packet_count=0 ' +
  'in_largest_jb_size=0 in_jitter_min_variance=0.00 in_jitter_max_variance=0.00 in_jitter_loss_rate=0.00 ' +
  'in_jitter_burst_rate=0.00 in_mean_interval=0.00 in_flaw_total=0 in_quality_percentage=100.00 in_mos=4.50 ' +
  'out_raw_bytes=0 out_media_bytes=0 out_packet_count=0 out_media_packet_count=0 out_skip_packet_count=0 ' +
  'out_dtmf_packet_count=0 out_cng_packet_count=0 rtcp_packet_count=0 rtcp_octet_count=0'
)
  .split(' ')
  .map(each => each.split('='))
  .map(([name, value]) => [`rtp_audio_${name}`, value!] as const)
