// Ask Java for every line of standard input: id, URL, roots in base64; see ../asking.py.
// HttpsURLConnection as any program would use it, with these roots as its only trust.

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Client {
    private static final int MILLISECONDS = 15_000;

    public static void main(String[] arguments) throws IOException {
        var port = Integer.parseInt(arguments[0]);
        var proxy = new Proxy(Proxy.Type.HTTP, new InetSocketAddress("127.0.0.1", port));
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            var fields = line.split("\t");
            System.out.println(fields[0] + "\t" + ask(fields[1], fields[2], proxy));
        }
    }

    private static String ask(String url, String root, Proxy proxy) {
        try {
            var connection = (HttpsURLConnection) new URL(url).openConnection(proxy);
            connection.setSSLSocketFactory(trusting(root).getSocketFactory());
            connection.setConnectTimeout(MILLISECONDS);
            connection.setReadTimeout(MILLISECONDS);
            try {
                return connection.getResponseCode() == 200 ? "yes\t" : "unasked\tno page";
            } finally {
                connection.disconnect();
            }
        } catch (Exception error) { // whatever it is: Java's own words are the answer
            return "no\t" + words(error);
        }
    }

    private static SSLContext trusting(String roots) throws Exception {
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        for (var root : roots.split(",")) {
            var bytes = new ByteArrayInputStream(Base64.getDecoder().decode(root));
            var certificate = CertificateFactory.getInstance("X.509").generateCertificate(bytes);
            store.setCertificateEntry("root " + store.size(), certificate);
        }
        var trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(store);
        var context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    /** The error and what it came from, on one line. */
    private static String words(Throwable error) {
        var text = new StringBuilder(error.toString());
        for (var cause = error.getCause(); cause != null; cause = cause.getCause()) {
            text.append(" <- ").append(cause);
        }
        return text.toString().replaceAll("\\s+", " ");
    }
}
