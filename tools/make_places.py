"""Write src/keruen/data/places.csv from a list of codes (UN M49, ISO 3166, World Bank) and CLDR's names.

Run by hand when a code list changes:  python tools/make_places.py FOLDER_OF_CODE_LISTS
Needs the package babel (CLDR names; Unicode licence). The result is committed; users never run this.
"""

from __future__ import annotations

import csv
import gzip
import sys
from pathlib import Path

from babel import Locale

LANGUAGES = ["en", "ru", "kk", "fr", "es", "ar", "zh", "tr", "de", "uz", "ky", "tg", "tk", "it", "pt", "pl", "uk"]
OUT = Path(__file__).parents[1] / "src/keruen/data/places.csv"

# Names people use that no code list holds, and the short names preferred in sentences.
SHORT = {
    "XKX": "Kosovo",
    "TWN": "Taiwan",
    "CHI": "Channel Islands",
    "PSE": "Palestine",
    "HKG": "Hong Kong",
    "MAC": "Macao",
    "MMR": "Myanmar",
    "CZE": "Czechia",
    "COD": "DR Congo",
    "COG": "Congo",
    "CIV": "Côte d’Ivoire",
    "TUR": "Türkiye",
}
ALIASES = {
    "KGZ": "Kirgizstan|Kyrgyz Republic|Kirghizstan",
    "RUS": "Russian Federation",
    "KOR": "South Korea|Republic of Korea",
    "PRK": "North Korea|DPRK",
    "USA": "United States|United States of America|America|США",
    "GBR": "UK|Great Britain|Britain",
    "ARE": "UAE|ОАЭ",
    "CZE": "Czech Republic",
    "TUR": "Turkey",
    "MKD": "Macedonia",
    "SWZ": "Swaziland",
    "COD": "Democratic Republic of the Congo|Zaire",
    "COG": "Republic of the Congo|Congo-Brazzaville",
    "CIV": "Ivory Coast|Cote d'Ivoire",
    "MMR": "Burma",
    "IRN": "Iran (Islamic Republic of)|Islamic Republic of Iran",
    "VNM": "Viet Nam",
    "LAO": "Lao PDR",
    "MDA": "Republic of Moldova|Moldavia",
    "SYR": "Syrian Arab Republic",
    "VEN": "Venezuela",
    "BOL": "Bolivia",
    "TZA": "Tanzania",
    "CPV": "Cape Verde",
    "TLS": "East Timor",
    "VAT": "Vatican",
    "BLR": "Byelorussia|Belorussia",
    "TKM": "Turkmenia",
    "HKG": "Hong Kong SAR",
    "MAC": "Macao SAR|Macau",
    "PSE": "State of Palestine|West Bank and Gaza",
    "TWN": "Taiwan Province of China",
    "STP": "Sao Tome and Principe",
    "FSM": "Micronesia",
    "SOM": "Somalia",
    "GMB": "The Gambia",
    "BHS": "The Bahamas",
    "XKX": "Kosovo (UNSCR 1244)",
    "NLD": "Holland",
    "CHN": "PRC|Mainland China",
}
HISTORICAL = [  # code, M49, name, Russian name, from, until, successors
    (
        "SUN",
        810,
        "Soviet Union",
        "СССР|Советский Союз|USSR",
        1922,
        1991,
        "ARM AZE BLR EST GEO KAZ KGZ LTU LVA MDA RUS TJK TKM UKR UZB",
    ),
    ("YUG", 890, "Yugoslavia", "Югославия|SFR Yugoslavia", 1945, 1992, "BIH HRV MKD MNE SRB SVN XKX"),
    ("SCG", 891, "Serbia and Montenegro", "Сербия и Черногория", 1992, 2006, "MNE SRB XKX"),
    ("CSK", 200, "Czechoslovakia", "Чехословакия", 1918, 1992, "CZE SVK"),
    ("ANT", 530, "Netherlands Antilles", "Нидерландские Антильские острова", 1954, 2010, "BES CUW SXM"),
    ("DDR", 278, "German Democratic Republic", "ГДР|East Germany", 1949, 1990, "DEU"),
    ("YMD", 720, "South Yemen", "Южный Йемен|Democratic Yemen", 1967, 1990, "YEM"),
    ("SDN_former", 736, "Sudan before 2011", "Судан до 2011 года|Former Sudan", 1956, 2011, "SDN SSD"),
]
RESIDUAL = [
    ("_OTHER", "Other or unknown places"),
    ("_OTHER_NORTH", "Other places, more developed regions"),
    ("_OTHER_SOUTH", "Other places, less developed regions"),
    ("_UNKNOWN", "Unknown origin"),
    ("_STATELESS", "Stateless"),
    ("_CIS", "Commonwealth of Independent States"),
    ("_NON_CIS", "Outside the Commonwealth of Independent States"),
    ("_CIS_NON_EAEU", "CIS outside the EAEU"),
    ("_CENTRAL_ASIA", "Central Asia, as the source delimits it"),
    ("_VISA", "Countries under a visa regime"),
    ("_ABKHAZIA", "Abkhazia"),
    ("_SOUTH_OSSETIA", "South Ossetia"),
    ("_TIBET", "Tibet, as UNHCR tells it"),
    ("_WORLD", "World"),
]


def main(folder: Path) -> None:
    """Write places.csv from the lists in a folder."""
    with open(folder / "country_codes.csv", encoding="utf-8", newline="") as f:
        codes = list(csv.DictReader(f))
    with open(folder / "wpp2024_aggregate_codes.csv", encoding="utf-8", newline="") as f:
        aggregates = list(csv.DictReader(f))
    with gzip.open(folder / "wdi_2026.csv.gz", "rt", encoding="utf-8") as f:
        bank = sorted({(r["iso3"], r["country"]) for r in csv.DictReader(f) if r["is_aggregate"] == "1"})
    older: dict[str, str] = {}  # aggregates that the newest list no longer holds
    for name in (
        "wpp_net_migration_5year_vintages.csv.gz",
        "wpp_demography_annual_2022_2024.csv.gz",
        "un_ims2019_total_with_type_of_data.csv.gz",
        "un_ims2020_total_with_type_of_data.csv.gz",
    ):
        with gzip.open(folder / name, "rt", encoding="utf-8") as f:
            for r in csv.DictReader(f):
                if not r["iso3"]:
                    older.setdefault(
                        r["location_code"],
                        r["location"].strip().capitalize() if r["location"].isupper() else r["location"].strip(),
                    )
    newest = {r["location_code"] for r in aggregates}
    aggregates += [{"location_code": code, "name": name} for code, name in older.items() if code not in newest]
    locales = [Locale(language) for language in LANGUAGES]
    rows = []
    for r in codes:
        if r["m49"] == "383":  # Kosovo stands twice in the list; the UN's own estimates use 412
            continue
        cldr = [str(locale.territories.get(r["iso2"], "")) for locale in locales] if r["iso2"] else [""] * len(locales)
        name = SHORT.get(r["iso3"]) or cldr[0].replace("St. ", "Saint ") or r["name"]
        names = dict.fromkeys([r["name"], *cldr, *ALIASES.get(r["iso3"], "").split("|")])
        rows.append(
            {
                "code": r["iso3"],
                "kind": "country" if r["in_wpp2024"] == "1" else "territory",
                "name": name,
                "name_ru": cldr[1],
                "name_kk": cldr[2],
                "iso2": r["iso2"],
                "m49": r["m49"],
                "region": r["wpp2024_region"] or r["m49_region"],
                "subregion": r["wpp2024_subregion"] or r["m49_subregion"],
                "income": r["wb_income_group"].replace(" income", "").lower(),
                "world_bank_region": r["wb_region"],
                "names": "|".join(n for n in names if n and n != name),
                "from": "",
                "until": "",
                "successors": "",
            }
        )
    for code, m49, name, names, start, end, successors in HISTORICAL:
        rows.append(
            {
                "code": code,
                "kind": "historical",
                "name": name,
                "name_ru": names.split("|")[0],
                "m49": m49,
                "names": names,
                "from": start,
                "until": end,
                "successors": successors,
            }
        )
    for code, name in RESIDUAL:
        rows.append(
            {
                "code": code,
                "kind": "aggregate" if code in ("_WORLD", "_CIS") else "residual",
                "name": name,
                "m49": 900 if code == "_WORLD" else "",
            }
        )
    for r in aggregates:
        if r["location_code"] != "900":
            rows.append(
                {"code": f"_UN_{r['location_code']}", "kind": "aggregate", "name": r["name"], "m49": r["location_code"]}
            )
    for code, name in bank:
        if code != "WLD":
            rows.append({"code": f"_WB_{code}", "kind": "aggregate", "name": f"{name} (World Bank group)"})
    fields = [
        "code",
        "kind",
        "name",
        "name_ru",
        "name_kk",
        "iso2",
        "m49",
        "region",
        "subregion",
        "income",
        "world_bank_region",
        "names",
        "from",
        "until",
        "successors",
    ]
    with open(OUT, "w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, fields, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda r: (r["code"].startswith("_"), r["code"])))
    print(len(rows), "places written to", OUT)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
