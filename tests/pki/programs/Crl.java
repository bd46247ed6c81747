// Ask Java about chains under a list: Crl ROOT ISSUING LIST LEAF..., all DER. PKIX with the list
// as its only source, and for the leaf alone: a house has no list of its root.

import java.io.FileInputStream;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

public class Crl {
    private static CertificateFactory factory;

    public static void main(String[] names) throws Exception {
        factory = CertificateFactory.getInstance("X.509");
        var root = certificate(names[0]);
        var issuing = certificate(names[1]);
        var list = factory.generateCRL(new FileInputStream(names[2]));
        for (int at = 3; at < names.length; at++) {
            var validator = CertPathValidator.getInstance("PKIX");
            var checker = (PKIXRevocationChecker) validator.getRevocationChecker();
            checker.setOptions(EnumSet.of(
                PKIXRevocationChecker.Option.ONLY_END_ENTITY,
                PKIXRevocationChecker.Option.PREFER_CRLS,
                PKIXRevocationChecker.Option.NO_FALLBACK));
            var parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
            parameters.addCertPathChecker(checker);
            parameters.addCertStore(CertStore.getInstance(
                "Collection", new CollectionCertStoreParameters(List.of(list))));
            var path = factory.generateCertPath(List.of(certificate(names[at]), issuing));
            try {
                validator.validate(path, parameters);
                System.out.println("good");
            } catch (CertPathValidatorException error) {
                System.out.println(error.getReason() + ": " + error.getMessage());
            }
        }
    }

    private static X509Certificate certificate(String name) throws Exception {
        try (var file = new FileInputStream(name)) {
            return (X509Certificate) factory.generateCertificate(file);
        }
    }
}
