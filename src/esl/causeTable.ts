// Every hangup cause of FreeSWITCH, as FreeSWITCH spells it (CAUSE_CHART in switch_channel.c, 1.10.12), with its class and
// its meaning for the person on duty. Sources of the meanings: Q.850, and the places in FreeSWITCH and its SIP stack that
// set the causes; SIP codes are those that mod_sofia maps to the cause. `hangupCauses.ts` reads this table.

/** `normal`: as people mean it. `busy`, `no-answer`, `rejected`, `cancelled`: people, too. `number`: it does not exist
 *  or is not reachable. `gateway`: the provider or our credentials there. `congestion`: too much at once. `network`: no
 *  way, or lost on it. `media`: no codec or no sound. `switch`: FreeSWITCH itself. `other`: the rest. */
export const HANGUP_CLASSES = [
  'normal',
  'busy',
  'no-answer',
  'rejected',
  'cancelled',
  'number',
  'gateway',
  'congestion',
  'network',
  'media',
  'switch',
  'other',
] as const
export type HangupClass = (typeof HANGUP_CLASSES)[number]

export const CAUSES = {
  UNALLOCATED_NUMBER: {
    class: 'number',
    means: 'that number does not exist (SIP 404). Check the number, and its format for this provider.',
  },
  NO_ROUTE_TRANSIT_NET: {
    class: 'network',
    means: 'a network on the way is unknown to the provider. Ask the provider.',
  },
  NO_ROUTE_DESTINATION: {
    class: 'network',
    means:
      "nobody knows a way to that number. Check the gateway's registration, the dialplan and the number's format.",
  },
  CHANNEL_UNACCEPTABLE: {
    class: 'congestion',
    means: 'the other side could not use the line it was offered. Ask the provider.',
  },
  CALL_AWARDED_DELIVERED: {
    class: 'other',
    means: 'the call was delivered on a line that is in use already. Ask the provider.',
  },
  NORMAL_CLEARING: {
    class: 'normal',
    means: 'somebody hung up, or hookswitch was told to hang up. Nothing is wrong.',
  },
  USER_BUSY: {
    class: 'busy',
    means: 'the phone is busy (SIP 486). It did not ring, or another call is going on there.',
  },
  NO_USER_RESPONSE: {
    class: 'number',
    means:
      "the phone's side never answered the request (SIP 408): it did not ring. Look at the phone's network and registration, and at the provider's trunk.",
  },
  NO_ANSWER: {
    class: 'no-answer',
    means: 'the phone rang for as long as RING_TIMEOUT allows and nobody answered.',
  },
  SUBSCRIBER_ABSENT: {
    class: 'number',
    means: 'the phone is not reachable: switched off or out of coverage. It did not ring.',
  },
  CALL_REJECTED: {
    class: 'rejected',
    means:
      'the call was rejected (SIP 603 or 403): somebody pressed decline, or the provider does not allow it. If nobody did, look at credentials, balance and blocked destinations.',
  },
  NUMBER_CHANGED: {
    class: 'number',
    means: 'the number has been replaced by another one (SIP 410). Find the new number.',
  },
  REDIRECTION_TO_NEW_DESTINATION: {
    class: 'other',
    means: 'the phone redirects its calls elsewhere, and the redirection was not followed.',
  },
  EXCHANGE_ROUTING_ERROR: {
    class: 'network',
    means: "the provider's exchange went in circles with the call (SIP 483). Ask the provider.",
  },
  DESTINATION_OUT_OF_ORDER: {
    class: 'network',
    means:
      'the line of that number does not work (SIP 502): the phone cannot have rung. Look at its provider.',
  },
  INVALID_NUMBER_FORMAT: {
    class: 'number',
    means:
      'the number has a form that the provider does not take (SIP 484 or 416). Check country code, plus sign and length.',
  },
  FACILITY_REJECTED: {
    class: 'other',
    means: 'the provider refused a service that the call asked for (SIP 501). Ask the provider.',
  },
  RESPONSE_TO_STATUS_ENQUIRY: {
    class: 'other',
    means: 'an answer to a question about state, not a failure. It should not end calls.',
  },
  NORMAL_UNSPECIFIED: {
    class: 'other',
    means:
      "the call ended without a reason given, or ended while nobody watched and its reason was lost. The other side's log says more.",
  },
  NORMAL_CIRCUIT_CONGESTION: {
    class: 'congestion',
    means:
      "no line was free (SIP 503 or 480): the phone did not ring. Look at the trunk's number of lines, and at the switch's own session limit.",
  },
  NETWORK_OUT_OF_ORDER: {
    class: 'network',
    means:
      'the switch or the network could not be reached. Look whether FreeSWITCH runs, and at the network to it and to the provider.',
  },
  NORMAL_TEMPORARY_FAILURE: {
    class: 'network',
    means:
      'a passing fault at the other side (SIP 500 or 503). If it comes back, look at the gateway and ask the provider.',
  },
  SWITCH_CONGESTION: {
    class: 'congestion',
    means: 'the switch or the provider has too much to do. Look at their load and limits.',
  },
  ACCESS_INFO_DISCARDED: {
    class: 'other',
    means: 'the network threw away information that the call carried. Ask the provider.',
  },
  REQUESTED_CHAN_UNAVAIL: {
    class: 'congestion',
    means: 'the line asked for is not available. Look at the trunk.',
  },
  PRE_EMPTED: { class: 'congestion', means: 'a more important call took the line.' },
  FACILITY_NOT_SUBSCRIBED: {
    class: 'gateway',
    means: 'the line has not booked the service that the call asked for. Ask the provider.',
  },
  OUTGOING_CALL_BARRED: {
    class: 'gateway',
    means:
      'this line may not make such calls (SIP 403). Look at permissions, balance and blocked destinations.',
  },
  INCOMING_CALL_BARRED: {
    class: 'rejected',
    means: 'that number does not take calls like this one. It did not ring.',
  },
  BEARERCAPABILITY_NOTAUTH: {
    class: 'gateway',
    means:
      'the kind of call (codec, video, fax) is not allowed here (SIP 401, 402 or 407 too): look at the credentials of the gateway.',
  },
  BEARERCAPABILITY_NOTAVAIL: { class: 'media', means: 'the kind of call is not available just now.' },
  SERVICE_UNAVAILABLE: { class: 'network', means: 'the service is not available. Ask the provider.' },
  BEARERCAPABILITY_NOTIMPL: {
    class: 'media',
    means: 'the other side does not know this kind of call (SIP 415). Compare the codecs.',
  },
  CHAN_NOT_IMPLEMENTED: { class: 'other', means: 'the other side does not know this kind of line.' },
  FACILITY_NOT_IMPLEMENTED: {
    class: 'other',
    means: 'the other side does not know a service that the call asked for.',
  },
  SERVICE_NOT_IMPLEMENTED: {
    class: 'other',
    means: 'the other side does not know a service that the call asked for (SIP 501).',
  },
  INVALID_CALL_REFERENCE: {
    class: 'other',
    means: 'the two sides disagree about which call this is. Ask the provider.',
  },
  INCOMPATIBLE_DESTINATION: {
    class: 'media',
    means:
      'the two sides found no codec in common (SIP 488): the phone did not ring, or broke off at the answer. Compare the codecs of the SIP profile and of the phone.',
  },
  INVALID_MSG_UNSPECIFIED: {
    class: 'other',
    means: 'the other side did not understand a message. Look at a SIP trace.',
  },
  MANDATORY_IE_MISSING: {
    class: 'other',
    means: 'a message lacked something required. Look at a SIP trace, and at the dialplan.',
  },
  MESSAGE_TYPE_NONEXIST: {
    class: 'other',
    means: 'the other side does not know a kind of message. Look at a SIP trace.',
  },
  WRONG_MESSAGE: { class: 'other', means: 'a message came at the wrong moment. Look at a SIP trace.' },
  IE_NONEXIST: {
    class: 'other',
    means: 'a message had a part that the other side does not know. Look at a SIP trace.',
  },
  INVALID_IE_CONTENTS: {
    class: 'other',
    means: 'a message had a part that made no sense to the other side. Look at a SIP trace.',
  },
  WRONG_CALL_STATE: {
    class: 'other',
    means: 'a message did not fit what the call was doing. Look at a SIP trace.',
  },
  RECOVERY_ON_TIMER_EXPIRE: {
    class: 'network',
    means:
      'the other side stopped answering, and the timer ran out (SIP 504 or 408). Look at the network between switch and phone, and at firewalls that forget connections.',
  },
  MANDATORY_IE_LENGTH_ERROR: {
    class: 'other',
    means: 'a message had a part of the wrong length. Look at a SIP trace.',
  },
  PROTOCOL_ERROR: {
    class: 'other',
    means: 'the two sides do not understand each other. Look at a SIP trace.',
  },
  INTERWORKING: {
    class: 'network',
    means: 'a network of another kind failed, and its reason was lost on the way. Ask the provider.',
  },
  ORIGINATOR_CANCEL: {
    class: 'cancelled',
    means: 'whoever called gave up before the answer (SIP 487). The phone stopped ringing.',
  },
  CRASH: {
    class: 'switch',
    means:
      'FreeSWITCH crashed or was restarted, and the call went with it. Look at its log and its start time.',
  },
  SYSTEM_SHUTDOWN: { class: 'switch', means: 'FreeSWITCH was shut down while the call ran.' },
  LOSE_RACE: { class: 'normal', means: 'another phone answered first.' },
  MANAGER_REQUEST: { class: 'normal', means: 'somebody ended the call at the switch by command.' },
  BLIND_TRANSFER: { class: 'normal', means: 'the call was passed on to somebody else.' },
  ATTENDED_TRANSFER: {
    class: 'normal',
    means: 'the call was passed on to somebody else after a word with them.',
  },
  ALLOTTED_TIMEOUT: { class: 'normal', means: 'the time that the call was given has run out.' },
  USER_CHALLENGE: {
    class: 'gateway',
    means:
      'the other side asked for a login and got none (SIP 401 or 407). Look at the user name and password of the gateway or of the job.',
  },
  MEDIA_TIMEOUT: {
    class: 'media',
    means:
      'no sound came any more, so the switch ended the call. Look at the network and at NAT between switch and phone.',
  },
  PICKED_OFF: { class: 'normal', means: 'somebody else picked the call up.' },
  USER_NOT_REGISTERED: {
    class: 'number',
    means:
      'the phone is not registered at the switch, so it could not ring. Look whether the phone is online and logged in.',
  },
  PROGRESS_TIMEOUT: {
    class: 'no-answer',
    means: 'the phone did not begin to ring in time. Look at its network and at the provider.',
  },
  INVALID_GATEWAY: {
    class: 'gateway',
    means:
      'the switch knows no gateway of that name. Look at GATEWAY and GATEWAYS, and at `sofia status` on the switch.',
  },
  GATEWAY_DOWN: {
    class: 'gateway',
    means:
      'the gateway is down: its registration or its pings fail. Look at `sofia status gateway` on the switch, and ask the provider.',
  },
  INVALID_URL: {
    class: 'number',
    means: 'the address to call makes no sense to the switch. Look at the SIP URI in the job.',
  },
  INVALID_PROFILE: {
    class: 'gateway',
    means: 'the switch has no SIP profile of that name. Look at SIP_PROFILE.',
  },
  NO_PICKUP: { class: 'no-answer', means: 'nobody picked up.' },
  SRTP_READ_ERROR: {
    class: 'media',
    means: 'the encrypted sound could not be read. Compare the SRTP settings of both sides.',
  },
  BOWOUT: {
    class: 'normal',
    means: 'the switch left the call because the two sides talk to each other directly.',
  },
  BUSY_EVERYWHERE: { class: 'busy', means: 'every phone of that number is busy (SIP 600).' },
  DECLINE: { class: 'rejected', means: 'somebody pressed decline, for all phones of that number (SIP 603).' },
  DOES_NOT_EXIST_ANYWHERE: {
    class: 'number',
    means: 'that number exists nowhere (SIP 604). Check the number.',
  },
  NOT_ACCEPTABLE: {
    class: 'media',
    means: 'the other side cannot take a call of this kind anywhere (SIP 606). Compare the codecs.',
  },
  UNWANTED: {
    class: 'rejected',
    means: 'the called side does not want this caller (SIP 607): it was marked as spam.',
  },
  NO_IDENTITY: {
    class: 'gateway',
    means: "the caller's number came without the proof (STIR/SHAKEN) that the network asks for (SIP 428).",
  },
  BAD_IDENTITY_INFO: {
    class: 'gateway',
    means: "the proof of the caller's number could not be fetched (SIP 429).",
  },
  UNSUPPORTED_CERTIFICATE: {
    class: 'gateway',
    means: "the proof of the caller's number has a certificate that is not accepted (SIP 437).",
  },
  INVALID_IDENTITY: { class: 'gateway', means: "the proof of the caller's number is wrong (SIP 438)." },
  STALE_DATE: {
    class: 'gateway',
    means: "the proof of the caller's number is too old (SIP 403). Look at the clocks.",
  },
  REJECT_ALL: { class: 'rejected', means: 'the called side rejects all calls.' },
} as const satisfies Record<string, { class: HangupClass; means: string }>
