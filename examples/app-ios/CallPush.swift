// PushKit and CallKit with hookswitch: the phone wakes, reports the call, registers by SIP, confirms, and listens until
// the caller has left or somebody else has answered. `SipStack` stands for the SIP library that the app has.
// Not compiled here; written from Apple's documentation of PushKit (responding to VoIP notifications) and CallKit.
import CallKit
import Foundation
import PushKit

protocol SipStack {
    /** Sends a REGISTER and returns when the registrar has accepted it. */
    func register() async throws
}

final class CallPush: NSObject, PKPushRegistryDelegate {
    private let registry = PKPushRegistry(queue: .main)
    private let provider: CXProvider
    private let sip: SipStack
    private let hookswitch: URL
    private let account: String
    /** Reported calls, so that a push that was resent is not answered twice. */
    private var calls: [UUID: Task<Void, Never>] = [:]

    init(provider: CXProvider, sip: SipStack, hookswitch: URL, account: String) {
        self.provider = provider
        self.sip = sip
        self.hookswitch = hookswitch
        self.account = account
        super.init()
        registry.delegate = self
        registry.desiredPushTypes = [.voIP]
    }

    // At every start and whenever Apple gives a new token.
    func pushRegistry(_: PKPushRegistry, didUpdate credentials: PKPushCredentials, for _: PKPushType) {
        let token = credentials.token.map { String(format: "%02x", $0) }.joined()
        Task {
            try? await post("/api/apns-device/", [
                "sip_user_id": account,
                "token": token,
                "app": Bundle.main.bundleIdentifier!,
                "device_id": Self.deviceId,
                "name": "iPhone",
                "sandbox": Self.isDevelopmentBuild ? "true" : "false",
                // One push for a call: iOS delivers it or does not, and each one must be reported.
                "push_profile": "once",
            ])
        }
    }

    func pushRegistry(
        _: PKPushRegistry, didReceiveIncomingPushWith payload: PKPushPayload, for _: PKPushType,
        completion: @escaping () -> Void
    ) {
        let push = payload.dictionaryPayload
        // iOS ends an app that does not report a call for each VoIP push, whatever is in it. So report first.
        let uuid = (push["call_uuid"] as? String).flatMap(UUID.init) ?? UUID()
        let update = CXCallUpdate()
        update.remoteHandle = CXHandle(type: .phoneNumber, value: push["phonenumber"] as? String ?? "anonymous")
        update.localizedCallerName = push["caller_id"] as? String
        provider.reportNewIncomingCall(with: uuid, update: update) { _ in completion() }

        guard push["type"] as? String == "call", let token = push["token"] as? String else {
            // A message, or a push that we can't use: the report is made, and ends at once.
            provider.reportCall(with: uuid, endedAt: nil, reason: .failed)
            return
        }
        guard calls[uuid] == nil else { return }  // resent
        calls[uuid] = Task { await answer(uuid, token) }
    }

    private func answer(_ uuid: UUID, _ token: String) async {
        defer { calls[uuid] = nil }
        do {
            // Register first: the PBX sends the INVITE within milliseconds of the confirmation.
            try await sip.register()
            let verdict = try await post("/api/call-response/", ["available": "true"], bearer: token)
            guard verdict == "proceed" else { return end(uuid, verdict) }
            // There is no push that takes a call back. Listen while the phone rings.
            try await listen(uuid, token)
        } catch {
            provider.reportCall(with: uuid, endedAt: nil, reason: .failed)
        }
    }

    /** Follows the verdict stream until it ends. */
    private func listen(_ uuid: UUID, _ token: String) async throws {
        var request = URLRequest(url: hookswitch.appending(path: "/api/call-response/"))
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        request.setValue("text/event-stream", forHTTPHeaderField: "Accept")
        let (bytes, _) = try await URLSession.shared.bytes(for: request)
        for try await line in bytes.lines where line.hasPrefix("data:") {
            let data = Data(line.dropFirst("data:".count).utf8)
            let verdict = try JSONDecoder().decode(Verdict.self, from: data).verdict
            if verdict == "ended" || verdict == "answered_elsewhere" || verdict == "expired" {
                return end(uuid, verdict)
            }
        }
    }

    private func end(_ uuid: UUID, _ verdict: String) {
        let reason: CXCallEndedReason =
            switch verdict {
            case "answered_elsewhere": .answeredElsewhere
            case "ended": .remoteEnded
            case "expired": .unanswered
            default: .failed
            }
        provider.reportCall(with: uuid, endedAt: nil, reason: reason)
    }

    private struct Verdict: Decodable { let verdict: String }

    /** Posts a form. @returns the verdict, where the answer has one. */
    @discardableResult
    private func post(_ path: String, _ fields: [String: String], bearer: String? = nil) async throws -> String {
        var request = URLRequest(url: hookswitch.appending(path: path))
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        if let bearer { request.setValue("Bearer \(bearer)", forHTTPHeaderField: "Authorization") }
        request.httpBody = try JSONEncoder().encode(fields)
        let (data, _) = try await URLSession.shared.data(for: request)
        return (try? JSONDecoder().decode(Verdict.self, from: data))?.verdict ?? ""
    }

    /** Of this install: made once and kept. */
    private static var deviceId: String {
        if let kept = UserDefaults.standard.string(forKey: "hookswitch-device") { return kept }
        let made = UUID().uuidString
        UserDefaults.standard.set(made, forKey: "hookswitch-device")
        return made
    }

    private static var isDevelopmentBuild: Bool {
        #if DEBUG
            true
        #else
            false
        #endif
    }
}
