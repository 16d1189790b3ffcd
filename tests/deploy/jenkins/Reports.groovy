import javax.xml.parsers.DocumentBuilderFactory
import org.w3c.dom.Element

/** Reads what is published, as far as a build's result hangs on it. */
class Reports {
    static Map junit(List<File> files) {
        def suites = files.collectMany { elements(it, 'testsuite') }
        def sum = { String... names -> suites.sum(0) { suite -> names.sum { (suite.getAttribute(it) ?: '0') as int } } }
        return [tests: sum('tests'), failures: sum('failures', 'errors'), skipped: sum('skipped')]
    }

    static List<Double> lineRates(List<File> files) {
        files.collect { elements(it, 'coverage')[0].getAttribute('line-rate') as double }
    }

    private static List<Element> elements(File file, String tag) {
        def factory = DocumentBuilderFactory.newInstance()
        factory.setFeature('http://apache.org/xml/features/nonvalidating/load-external-dtd', false)
        def found = factory.newDocumentBuilder().parse(file).getElementsByTagName(tag)
        return (0..<found.length).collect { found.item(it) as Element }
    }
}
