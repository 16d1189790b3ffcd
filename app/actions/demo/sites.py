"""Where the demo organisation works: cities with their money, wages, addresses and telephone numbers.

Numbers come from ranges kept for fiction (`555 01##`, `7946 0###` and their like) or from a country code nobody has.
"""

from __future__ import annotations

from typing import NamedTuple

from app.actions.demo.names import CULTURES, Culture

UNASSIGNED_PHONE = "+999 ## ### ####"
MOBILE_PHONE = "+999 7## ### ####"


class Site(NamedTuple):
    """A place of work. `wage` compares pay with New York's; `rate` is units of `currency` for one US dollar."""

    city: str
    code: str
    country: str
    entity: str
    currency: str
    rate: float
    wage: float
    pay_period: str
    pay_step: int
    phone: str
    home: str
    streets: tuple[str, ...]
    cultures: tuple[Culture, ...]


def _site(place: str, entity: str, money: str, phone: str, home: str, streets: str, cultures: str) -> Site:
    city, code, country = place.split(", ")
    currency, rate, wage, period, step = money.split()
    return Site(
        city=city,
        code=code,
        country=country,
        entity=f"Larkfield Demo {entity}",
        currency=currency,
        rate=float(rate),
        wage=float(wage),
        pay_period=period,
        pay_step=int(step),
        phone=phone or UNASSIGNED_PHONE,
        home=home,
        streets=tuple(streets.split("|")),
        cultures=tuple(CULTURES[name] for name in cultures.split()),
    )


# In `home`, {n} is a house number, {s} a street, # a digit.
SITES = (
    _site(
        "Lisbon, LIS, Portugal",
        "Lda.",
        "EUR 0.92 0.48 year 100",
        "",
        "{s} {n}, 1#00-### Lisboa, Portugal",
        "Rua das Oliveiras|Rua do Moinho|Travessa da Fonte|Calçada do Mirante|Avenida dos Pinheiros",
        "portuguese",
    ),
    _site(
        "London, LON, United Kingdom",
        "Ltd",
        "GBP 0.79 0.80 year 250",
        "+44 20 7946 0###",
        "{n} {s}, London E1# #ZZ, United Kingdom",
        "Mill Lane|Orchard Road|Station Road|Chapel Street|Kingfisher Close",
        "english english irish",
    ),
    _site(
        "New York, NYC, United States",
        "Inc.",
        "USD 1 1 year 500",
        "+1 212 555 01##",
        "{n} {s}, New York, NY 100##, USA",
        "Maple Street|Oak Avenue|Cedar Street|Willow Lane|Harbor View",
        "english english spanish italian",
    ),
    _site(
        "Berlin, BER, Germany",
        "GmbH",
        "EUR 0.92 0.78 year 100",
        "+49 30 23125 ###",
        "{s} {n}, 10### Berlin, Deutschland",
        "Lindenstraße|Ahornweg|Birkenallee|Mühlengasse|Am Kanal",
        "german german turkish polish",
    ),
    _site(
        "Bengaluru, BLR, India",
        "Pvt Ltd",
        "INR 83 0.24 year 1000",
        "",
        "{n}, {s}, Bengaluru 5600##, India",
        "Lake View Road|Temple Street|Banyan Tree Road|Garden Layout|Station Main Road",
        "hindi hindi tamil bengali",
    ),
    _site(
        "Tokyo, TYO, Japan",
        "K.K.",
        "JPY 149 0.60 year 10000",
        "",
        "東京都港区{s}{n}-#, 10#-00##",
        "桜町|緑が丘|川端|梅園|若葉台",
        "japanese",
    ),
    _site(
        "Warsaw, WAW, Poland",
        "Sp. z o.o.",
        "PLN 4 0.46 month 50",
        "",
        "ul. {s} {n}, 0#-### Warszawa, Polska",
        "Lipowa|Ogrodowa|Słoneczna|Źródlana|Brzozowa",
        "polish polish ukrainian",
    ),
    _site(
        "Athens, ATH, Greece",
        "IKE",
        "EUR 0.92 0.42 year 100",
        "",
        "{s} {n}, 1## ## Αθήνα, Ελλάδα",
        "Οδός Ελιάς|Οδός Ανθέων|Οδός Πλατάνων|Οδός Θάλασσας",
        "greek",
    ),
    _site(
        "São Paulo, SAO, Brazil",
        "Ltda.",
        "BRL 5.1 0.36 month 50",
        "",
        "{s}, {n}, São Paulo - SP, 01###-###, Brasil",
        "Rua das Acácias|Rua do Ipê|Alameda das Flores|Rua Três Irmãos",
        "portuguese",
    ),
    _site(
        "Singapore, SIN, Singapore",
        "Pte. Ltd.",
        "SGD 1.34 0.74 year 200",
        "",
        "{n} {s} #0#-0#, Singapore ######",
        "Orchid Walk|Rain Tree Avenue|Harbour Link|Jasmine Rise",
        "chinese chinese tamil malay",
    ),
    _site(
        "Paris, PAR, France",
        "SAS",
        "EUR 0.92 0.72 year 100",
        "+33 1 99 00 ## ##",
        "{n} {s}, 750## Paris, France",
        "rue des Tilleuls|rue du Château|allée des Érables|quai des Mariniers",
        "french french arabic",
    ),
    _site(
        "Toronto, YYZ, Canada",
        "Corp.",
        "CAD 1.36 0.76 year 500",
        "+1 416 555 01##",
        "{n} {s}, Toronto, ON M#A #B#, Canada",
        "Lakeshore Crescent|Birchmount Trail|Spruce Street|Harvest Road",
        "english french chinese hindi",
    ),
    _site(
        "Madrid, MAD, Spain",
        "S.L.",
        "EUR 0.92 0.55 year 100",
        "",
        "Calle {s} {n}, 280## Madrid, España",
        "del Olivo|de la Fuente|Jardines|del Río",
        "spanish",
    ),
    _site(
        "Shanghai, SHA, China",
        "Co., Ltd.",
        "CNY 7.2 0.38 month 100",
        "",
        "上海市徐汇区{s}{n}号, 2000##",
        "梧桐路|荷花路|长江小路|青松街",
        "chinese",
    ),
    _site(
        "Seoul, SEL, South Korea",
        "Yuhan Hoesa",
        "KRW 1330 0.62 year 100000",
        "",
        "서울특별시 마포구 {s} {n}, 04###",
        "은행나무길|햇살로|푸른숲길|강변로",
        "korean",
    ),
    _site(
        "Dubai, DXB, United Arab Emirates",
        "FZ-LLC",
        "AED 3.67 0.70 month 100",
        "",
        "{n} {s}, Dubai, United Arab Emirates",
        "Palm Grove Street|Dune View|Pearl Street|Falcon Road",
        "arabic arabic hindi malay",
    ),
    _site(
        "Tel Aviv, TLV, Israel",
        "Ltd.",
        "ILS 3.7 0.84 month 100",
        "",
        "{s} {n}, 6###### תל אביב, ישראל",
        "רחוב הזית|רחוב הגפן|רחוב הים|רחוב התמר",
        "hebrew",
    ),
    _site(
        "Bangkok, BKK, Thailand",
        "Co., Ltd.",
        "THB 35 0.30 month 100",
        "",
        "{n} {s} กรุงเทพฯ 10##0",
        "ถนนมะลิ|ซอยต้นไม้|ถนนริมน้ำ|ซอยดอกบัว",
        "thai",
    ),
    _site(
        "Mexico City, MEX, Mexico",
        "S. de R.L.",
        "MXN 17.2 0.30 month 100",
        "",
        "{s} {n}, 0#### Ciudad de México, México",
        "Calle Jacaranda|Calle del Nopal|Avenida Colibrí|Calle Luna",
        "spanish",
    ),
    _site(
        "Stockholm, STO, Sweden",
        "AB",
        "SEK 10.5 0.68 month 100",
        "+46 8 465 004 ##",
        "{s} {n}, 11# ## Stockholm, Sverige",
        "Björkgatan|Sjövägen|Ängsgatan|Kvarnbacken",
        "nordic nordic finnish",
    ),
    _site(
        "Prague, PRG, Czechia",
        "s.r.o.",
        "CZK 23 0.44 month 100",
        "",
        "{s} {n}, 1## 00 Praha, Česko",
        "Lipová|Zahradní|Říční|Na Vyhlídce",
        "czech",
    ),
    _site(
        "Istanbul, IST, Türkiye",
        "Ltd. Şti.",
        "TRY 32 0.30 month 500",
        "",
        "{s} No: {n}, 34### İstanbul, Türkiye",
        "Çınar Sokak|Gül Sokak|Deniz Caddesi|Değirmen Sokak",
        "turkish",
    ),
    _site(
        "Sofia, SOF, Bulgaria",
        "EOOD",
        "EUR 0.92 0.36 month 10",
        "",
        "ул. {s} {n}, 1### София, България",
        "Липа|Бор|Роза|Извор",
        "bulgarian",
    ),
    _site(
        "Cairo, CAI, Egypt",
        "LLC",
        "EGP 48 0.20 month 100",
        "",
        "{n} {s}، القاهرة 11###، مصر",
        "شارع النخيل|شارع الياسمين|شارع النهر|شارع الحديقة",
        "arabic",
    ),
    _site(
        "Nairobi, NBO, Kenya",
        "Ltd",
        "KES 130 0.22 month 500",
        "",
        "{n} {s}, Nairobi 00###, Kenya",
        "Acacia Road|Jacaranda Lane|Ridge Close|Savannah Drive",
        "east_african",
    ),
    _site(
        "Lagos, LOS, Nigeria",
        "Ltd",
        "NGN 1450 0.14 month 1000",
        "",
        "{n} {s}, Lagos 10####, Nigeria",
        "Palm Avenue|Lagoon Close|Mango Street|Unity Road",
        "west_african",
    ),
    _site(
        "Sydney, SYD, Australia",
        "Pty Ltd",
        "AUD 1.52 0.82 year 500",
        "+61 2 5550 ####",
        "{n} {s}, Sydney NSW 20##, Australia",
        "Banksia Street|Wattle Road|Harbour Parade|Kookaburra Close",
        "english english vietnamese chinese",
    ),
    _site(
        "Amsterdam, AMS, Netherlands",
        "B.V.",
        "EUR 0.92 0.76 year 100",
        "",
        "{s} {n}, 10## AA Amsterdam, Nederland",
        "Lindenkade|Molenweg|Tulpstraat|Beukenlaan",
        "dutch",
    ),
    _site(
        "Dublin, DUB, Ireland",
        "DAC",
        "EUR 0.92 0.78 year 100",
        "+353 20 91# ####",
        "{n} {s}, Dublin D## X#Y#, Ireland",
        "Hawthorn Road|Bridge Street|Rowan Park|Harbour Row",
        "irish irish english",
    ),
    _site(
        "Milan, MIL, Italy",
        "S.r.l.",
        "EUR 0.92 0.60 year 100",
        "",
        "Via {s} {n}, 201## Milano, Italia",
        "dei Tigli|delle Rose|del Mulino|San Lorenzo",
        "italian",
    ),
)


def sites_for(employees: int) -> tuple[Site, ...]:
    """Return the sites of an organisation of that size: one for a handful, eight at 300, all from 90,000 on."""
    return SITES[: max(1, min(len(SITES), round(2.2 * max(employees - 1, 0) ** 0.23)))]
