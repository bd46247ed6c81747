// Open an HTTPS connection to the address given, as any Java program does: by the default
// SSLContext, and so by the trust store of the Java that runs this. Nothing is sent.
//
// Ends with 0 when the connection stands; with 1 when Java refuses the server, and its words on
// standard output; with 2 when nothing was judged: no server, no such address.
//
// Compiled for Java 8 and later; the class file beside this one is made by
//     javac --release 8 -g:none -Xlint:-options Connect.java

import java.net.Proxy;
import java.net.URL;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLException;

public final class Connect {
    private static final int MILLISECONDS = 15000;

    public static void main(String[] arguments) {
        System.exit(code(arguments[0]));
    }

    private static int code(String address) {
        try {
            HttpsURLConnection connection =
                (HttpsURLConnection) new URL(address).openConnection(Proxy.NO_PROXY);
            connection.setConnectTimeout(MILLISECONDS);
            connection.setReadTimeout(MILLISECONDS);
            connection.connect(); // up to the end of the handshake, the name compared
            connection.disconnect();
            return 0;
        } catch (Exception error) {
            boolean refused = false;
            StringBuilder words = new StringBuilder();
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                refused |= cause instanceof SSLException;
                if (cause.getMessage() == null || words.indexOf(cause.getMessage()) < 0) {
                    words.append(words.length() == 0 ? "" : " <- ").append(cause);
                }
            }
            System.out.println(words.toString().replaceAll("\\s+", " "));
            return refused ? 1 : 2;
        }
    }
}
