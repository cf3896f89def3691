import java.net.HttpURLConnection;
import java.net.URL;

/** The healthcheck of docker-compose.yml: ends with 0 where HAPI FHIR answers a search. The image has Java and no shell. */
class HapiHealth {
    public static void main(String[] arguments) throws Exception {
        var url = new URL("http://localhost:8080/fhir/Patient?_count=1&_elements=id");
        var connection = (HttpURLConnection) url.openConnection();
        connection.setConnectTimeout(5_000);
        connection.setReadTimeout(5_000);
        System.exit(connection.getResponseCode() == 200 ? 0 : 1);
    }
}
