// FirebaseMessagingService with hookswitch: the phone wakes, registers by SIP, confirms, rings, and stops ringing when the
// caller has left or another phone has answered. `Sip` and `CallScreen` stand for what the app has.
// Not compiled here; written from Google's documentation of FirebaseMessagingService.
package com.example.phone

import com.google.firebase.messaging.FirebaseMessagingService
import com.google.firebase.messaging.RemoteMessage
import java.net.HttpURLConnection
import java.net.URL
import java.net.URLEncoder
import java.util.UUID
import org.json.JSONObject

interface Sip {
    /** Sends a REGISTER and returns when the registrar has accepted it. Blocks. */
    fun register()
}

interface CallScreen {
    fun ring(callUuid: String, number: String, name: String)
    fun stop(callUuid: String, why: String)
    fun show(message: String)
}

class CallPushService : FirebaseMessagingService() {
    private val sip: Sip get() = (application as PhoneApplication).sip
    private val screen: CallScreen get() = (application as PhoneApplication).screen

    // At the first start and whenever Google gives a new token. Register at every start of the app as well.
    override fun onNewToken(token: String) {
        post(
            "/api/android-device/",
            mapOf(
                "sip_user_id" to ACCOUNT,
                "token" to token,
                "app" to packageName,
                "device_id" to deviceId(),
                "name" to android.os.Build.MODEL,
                "os_version" to android.os.Build.VERSION.RELEASE,
            ),
        )
    }

    // Runs on a worker thread with a wake lock, for some 20 seconds: enough for a REGISTER and the answer.
    override fun onMessageReceived(message: RemoteMessage) {
        val push = message.data
        when (push["type"]) {
            "message" -> screen.show(push["message"].orEmpty())
            "cancel" -> screen.stop(push["unique_key"].orEmpty(), push["reason"].orEmpty())
            "call" -> answer(push, message)
        }
    }

    private fun answer(push: Map<String, String>, message: RemoteMessage) {
        val key = push.getValue("unique_key")
        sip.register()
        val verdict =
            post(
                push.getValue("response_api"),
                mapOf(
                    "unique_key" to key,
                    "message_start_time" to push.getValue("message_start_time"),
                    "available" to "true",
                    // Google lowers the priority of apps whose pushes show nothing: the operator sees it.
                    "push_priority" to if (message.priority == RemoteMessage.PRIORITY_HIGH) "high" else "normal",
                ),
            )
        if (verdict == "proceed") {
            screen.ring(key, push["phonenumber"].orEmpty(), push["caller_id"].orEmpty())
        }
    }

    /** Posts a form, to a path or to a whole URL. @returns the verdict, where the answer has one. */
    private fun post(target: String, fields: Map<String, String>): String? {
        val url = URL(if (target.startsWith("/")) HOOKSWITCH + target else target)
        val body = fields.entries.joinToString("&") { (name, value) -> "$name=" + URLEncoder.encode(value, "UTF-8") }
        val connection = url.openConnection() as HttpURLConnection
        connection.requestMethod = "POST"
        connection.connectTimeout = 2_000
        connection.readTimeout = 2_000
        connection.doOutput = true
        connection.outputStream.use { it.write(body.toByteArray()) }
        val stream = if (connection.responseCode < 400) connection.inputStream else connection.errorStream
        val text = stream?.bufferedReader()?.readText().orEmpty()
        return runCatching { JSONObject(text).getString("verdict") }.getOrNull()
    }

    /** Of this install: made once and kept. */
    private fun deviceId(): String {
        val kept = getSharedPreferences("hookswitch", MODE_PRIVATE)
        return kept.getString("device", null)
            ?: UUID.randomUUID().toString().also { kept.edit().putString("device", it).apply() }
    }

    private companion object {
        const val HOOKSWITCH = "https://wake.example.com"
        const val ACCOUNT = "1001"
    }
}
