package backoffice

import "strings"

// demoWord is a word as it is written, and in plain letters for addresses.
type demoWord struct{ text, latin string }

// demoPlace is where an account of the demo data is at home.
type demoPlace struct {
	code, zone, currency string
	weight               int
	single, double       string // how a company is called: {a} and {b} heads, {t} trade, {f} form
	latin                bool   // coined names occur, too
	heads, trades        []demoWord
	forms, cities        []string
	given, family        []demoWord
	familyFirst          bool
	mail                 []string // providers of personal mailboxes
}

// demoWords reads words that stand apart by spaces: "Müller=mueller", or one
// that is its own plain form, "Nord". An underscore stands for a space.
func demoWords(s string) []demoWord {
	var out []demoWord
	for _, f := range strings.Fields(s) {
		text, latin, ok := strings.Cut(f, "=")
		text = strings.ReplaceAll(text, "_", " ")
		if !ok {
			latin = strings.ReplaceAll(Fold(text), " ", "-")
		}
		out = append(out, demoWord{text, latin})
	}
	return out
}

func demoList(s string) []string {
	out := strings.Fields(s)
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], "_", " ")
	}
	return out
}

// Pieces of coined names, which companies all over the world bear.
var (
	demoStarts = demoList(`Al Bri Cal Dor El Fen Gal Hel In Jov Kal Lu Mer Nor Or Pol Quan Rev Sol Tal Ul Ver Wil Xen Yor Zen Arc Bel Cor Del`)
	demoMiddle = demoList(`a ba co da di en fa go hi is ko la ma ne or pa qui ra sti ta u va we xi yo`)
	demoEnds   = demoList(`bit cor dex dor fy gen ia ix kor lia lux max mira nex nix ora plex quor ria rix sa spire tec tera tix ton tra va vix zon`)
	demoTrades = demoList(`Labs Systems Software Group Analytics Health Energy Logistics Security Media Foods Capital Robotics Mobility Education Water`)
)

var demoPlaces = []demoPlace{
	{
		code: "de", zone: "Europe/Berlin", currency: "EUR", weight: 16, latin: true,
		single: "{b} {t} {f}", double: "{a} & {b} {t} {f}",
		heads: demoWords(`Müller=mueller Schäfer=schaefer Weber Krüger=krueger Nord Süd=sued Hanse Rhein Elbe Alpen Schröder=schroeder Köhler=koehler Brandt Lindner Vogel Kaiser
			Bergmann Hoffmann Jäger=jaeger Fuchs Albrecht Dietrich Seidel Böhm=boehm Falke Grün=gruen Stadtwerke Ostsee Taunus Isar`),
		trades: demoWords(`Maschinenbau Textil Logistik Bau Medizintechnik Software Verlag Getränke=getraenke Energie Werkzeuge Druckerei Möbel=moebel Versicherung Beratung Abwasser Spedition`),
		forms:  demoList(`GmbH GmbH GmbH AG GmbH_&_Co._KG KG e._K. SE eG`),
		cities: demoList(`Berlin Hamburg München Köln Leipzig Stuttgart Düsseldorf Nürnberg Bremen Dresden`),
		given:  demoWords(`Hana Anna Lukas Jonas Mia Emma Paul Greta Jürgen=juergen Björn=bjoern Käthe=kaethe Felix Ingrid Uwe Sabine Matthias Katrin Oskar Frieda Moritz Heike Stefan`),
		family: demoWords(`Müller=mueller Schmidt Schneider Fischer Weber Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf Schröder=schroeder Neumann Schwarz Zimmermann Krüger=krueger Groß=gross Lange Böttcher=boettcher`),
		mail:   demoList(`gmx.de web.de gmail.com t-online.de`),
	},
	{
		code: "us", zone: "America/New_York", currency: "USD", weight: 20, latin: true,
		single: "{b} {t}, {f}", double: "{a} {b} {t} {f}",
		heads: demoWords(`Harbor Cedar Summit Granite Blue_Ridge Liberty Evergreen Lakeside Copper Redwood Pioneer Silverline Northgate Prairie Beacon Ironwood Maple Falcon Keystone
			Cascade Umber Zephyr Bluebird Stonebridge Riverbend Oakmont Juniper Sterling Highland Bayview`),
		trades: demoWords(`Security Health Logistics Dental Insurance Education Robotics Foods Software Realty Outfitters Analytics Water Aerospace Payroll Legal`),
		forms:  demoList(`Inc. Inc. LLC LLC Corp. Co. LP`),
		cities: demoList(`Austin Boston Chicago Denver Portland Seattle Atlanta Phoenix Raleigh Madison`),
		given:  demoWords(`James Mary Robert Linda Michael Aisha David Maria Daniel Kofi Grace Ethan Olivia Noah Ava Carlos Priya Liam Zoe Marcus Hannah Tyler`),
		family: demoWords(`Smith Johnson Baker Williams Brown Garcia Miller Davis Nguyen Martinez Anderson Taylor Moore Jackson White Harris Clark Lewis Robinson Walker Young O’Neill=oneill`),
		mail:   demoList(`gmail.com yahoo.com outlook.com icloud.com aol.com`),
	},
	{
		code: "gb", zone: "Europe/London", currency: "GBP", weight: 8, latin: true,
		single: "{b} {t} {f}", double: "{a} & {b} {t} {f}",
		heads:  demoWords(`Ashford Kingsley Thornbury Marlowe Pemberton Whitby Calder Severn Thistle Windermere Holloway Fairfax Merchant Wren Kestrel Bramley Albion Greenwich Tamar Loch`),
		trades: demoWords(`Brewing Textiles Finance Press Joinery Engineering Travel Pharma Ceramics Recruitment Software Shipping Care Catering`),
		forms:  demoList(`Ltd Ltd Ltd plc LLP`),
		cities: demoList(`London Leeds Bristol Glasgow Cardiff Belfast York Exeter`),
		given:  demoWords(`Oliver Amelia George Isla Harry Poppy Arthur Freya Alfie Ruby Callum Niamh Rhys Eilidh Siân=sian Edward`),
		family: demoWords(`Jones Evans Hughes MacDonald Campbell Stewart Wood Thompson Wright Green Hall Turner Cooper Ward Hill Bennett`),
		mail:   demoList(`gmail.com hotmail.co.uk btinternet.com`),
	},
	{
		code: "fr", zone: "Europe/Paris", currency: "EUR", weight: 8, latin: true,
		single: "{t} {b} {f}", double: "{t} {a} et {b} {f}",
		heads:  demoWords(`Lefèvre=lefevre Dubois Moreau Girard Bonnet Lumière=lumiere Épargne=epargne Côté=cote Bretagne Garonne Loire Étoile=etoile Rivière=riviere Château=chateau Mercier Fontaine Beaulieu Noël=noel Aurore Vallée=vallee`),
		trades: demoWords(`Société=societe Ateliers Boulangerie Transports Éditions=editions Laboratoires Cabinet Domaine Maison Groupe Clinique Énergies=energies`),
		forms:  demoList(`SA SARL SAS SAS SNC`),
		cities: demoList(`Paris Lyon Nantes Lille Bordeaux Marseille Strasbourg Rennes`),
		given:  demoWords(`Camille Hugo Léa=lea Chloé=chloe Jules Manon Théo=theo Inès=ines Zoé=zoe Gaël=gael Benoît=benoit Amélie=amelie Luc Mathis`),
		family: demoWords(`Martin Bernard Durand Petit Leroy Roux Fournier Lambert Garnier Faure Lefèvre=lefevre André=andre Gauthier Chevalier Muñoz=munoz Renard`),
		mail:   demoList(`orange.fr free.fr laposte.net gmail.com`),
	},
	{
		code: "es", zone: "Europe/Madrid", currency: "EUR", weight: 6, latin: true,
		single: "{t} {b} {f}", double: "{t} {a} y {b} {f}",
		heads:  demoWords(`Ibérica=iberica Peña=pena Sol Cantábrica=cantabrica Núñez=nunez Olivar Sierra Mediterráneo=mediterraneo Guadalquivir Levante Castilla Ébro=ebro Montaña=montana Aragón=aragon Bahía=bahia Alameda`),
		trades: demoWords(`Bodegas Construcciones Textiles Aceites Transportes Clínica=clinica Editorial Seguros Energía=energia Talleres Consultores`),
		forms:  demoList(`S.L. S.L. S.A. S.Coop.`),
		cities: demoList(`Madrid Sevilla Valencia Bilbao Málaga Zaragoza`),
		given:  demoWords(`Lucía=lucia Hugo Martín=martin Sofía=sofia Pablo Paula Álvaro=alvaro Noa Adrián=adrian Begoña=begona Iker Nerea`),
		family: demoWords(`García=garcia López=lopez Sánchez=sanchez Pérez=perez Costa Gómez=gomez Ruiz Díaz=diaz Moreno Muñoz=munoz Álvarez=alvarez Silva`),
		mail:   demoList(`gmail.com hotmail.es telefonica.net`),
	},
	{
		code: "br", zone: "America/Sao_Paulo", currency: "BRL", weight: 6, latin: true,
		single: "{t} {b} {f}", double: "{t} {a} e {b} {f}",
		heads:  demoWords(`São_João=sao-joao Ipê=ipe Araçá=araca Cerrado Paraná=parana Amazônia=amazonia Guará=guara Jatobá=jatoba Maré=mare Serrana Horizonte Aurora Pioneira Caravela`),
		trades: demoWords(`Indústria=industria Café=cafe Logística=logistica Saúde=saude Educação=educacao Construções=construcoes Alimentos Tecnologia Agro Transportes`),
		forms:  demoList(`Ltda. Ltda. S.A. ME`),
		cities: demoList(`São_Paulo Recife Curitiba Fortaleza Salvador Manaus`),
		given:  demoWords(`João=joao Ana Miguel Helena Thiago Laís=lais Caio Beatriz Davi Letícia=leticia Otávio=otavio Sílvia=silvia`),
		family: demoWords(`Silva Santos Oliveira Souza Lima Costa Araújo=araujo Gonçalves=goncalves Ribeiro Rocha Cavalcanti Falcão=falcao`),
		mail:   demoList(`gmail.com uol.com.br bol.com.br`),
	},
	{
		code: "pl", zone: "Europe/Warsaw", currency: "PLN", weight: 4, latin: true,
		single: "{t} {b} {f}", double: "{t} {a}-{b} {f}",
		heads:  demoWords(`Wisła=wisla Łódź=lodz Bałtyk=baltyk Żuraw=zuraw Świt=swit Orzeł=orzel Dąb=dab Jodła=jodla Tatry Mazury Śląsk=slask Kraków=krakow Rzeka Źródło=zrodlo`),
		trades: demoWords(`Zakłady=zaklady Huta Browar Transport Piekarnia Drukarnia Apteka Stolarnia Usługi=uslugi`),
		forms:  demoList(`sp._z_o.o. sp._z_o.o. S.A. sp._j.`),
		cities: demoList(`Warszawa Kraków Gdańsk Poznań Wrocław`),
		given:  demoWords(`Zofia Jan Łukasz=lukasz Małgorzata=malgorzata Paweł=pawel Agnieszka Krzysztof Święta=swieta Kinga Tomasz`),
		family: demoWords(`Nowak Kowalski Wiśniewski=wisniewski Wójcik=wojcik Kamiński=kaminski Zieliński=zielinski Dąbrowski=dabrowski Król=krol`),
		mail:   demoList(`wp.pl o2.pl gmail.com`),
	},
	{
		code: "se", zone: "Europe/Stockholm", currency: "SEK", weight: 3, latin: true,
		single: "{b} {t} {f}", double: "{a}-{b} {t} {f}",
		heads:  demoWords(`Älvsjö=alvsjo Ångström=angstrom Östergren=ostergren Norrland Björk=bjork Sjöberg=sjoberg Västra=vastra Lind Fjäll=fjall Vättern=vattern Mälaren=malaren Granit`),
		trades: demoWords(`Skog Möbler=mobler Verkstad Data Fastigheter Bygg Teknik Resor Bageri`),
		forms:  demoList(`AB AB AB HB`),
		cities: demoList(`Stockholm Göteborg Malmö Uppsala`),
		given:  demoWords(`Åsa=asa Björn=bjorn Astrid Göran=goran Maja Lars Ebba Håkan=hakan Saga Elias`),
		family: demoWords(`Andersson Johansson Lindström=lindstrom Bergqvist Åkesson=akesson Sjögren=sjogren Nyström=nystrom Holm`),
		mail:   demoList(`gmail.com telia.com`),
	},
	{
		code: "tr", zone: "Europe/Istanbul", currency: "TRY", weight: 3, latin: true,
		single: "{b} {t} {f}", double: "{a} {b} {t} {f}",
		heads:  demoWords(`Yıldız=yildiz Işık=isik Boğaziçi=bogazici Çınar=cinar Güneş=gunes Şahin=sahin Ege Anadolu Kapadokya Gül=gul Deniz Doruk`),
		trades: demoWords(`Tekstil Gıda=gida İnşaat=insaat Turizm Otomotiv Sağlık=saglik Yazılım=yazilim Lojistik`),
		forms:  demoList(`A.Ş. Ltd._Şti.`),
		cities: demoList(`İstanbul Ankara İzmir Bursa`),
		given:  demoWords(`Ayşe=ayse Mehmet Çağla=cagla Emre Şule=sule Deniz Gökhan=gokhan Elif`),
		family: demoWords(`Yılmaz=yilmaz Kaya Demir Çelik=celik Şahin=sahin Yıldırım=yildirim Öztürk=ozturk Aydın=aydin`),
		mail:   demoList(`gmail.com hotmail.com`),
	},
	{
		code: "ru", zone: "Asia/Almaty", currency: "KZT", weight: 4,
		single: "{f} «{b} {t}»", double: "{f} «{a}-{b} {t}»",
		heads:  demoWords(`Ромашка=romashka Север=sever Восток=vostok Заря=zarya Степь=step Алатау=alatau Берёза=bereza Маяк=mayak Орион=orion Каскад=kaskad Родник=rodnik Горизонт=gorizont`),
		trades: demoWords(`Строй=stroy Логистика=logistika Агро=agro Сервис=servis Медицина=meditsina Транс=trans Проект=proekt Энерго=energo`),
		forms:  demoList(`ООО ТОО АО ИП`),
		cities: demoList(`Алматы Астана Караганда`),
		given:  demoWords(`Анна=anna Дмитрий=dmitry Ольга=olga Сергей=sergey Айгуль=aigul Наталья=natalya Фёдор=fedor Ирина=irina`),
		family: demoWords(`Иванова=ivanova Смирнов=smirnov Ким=kim Петров=petrov Ахметов=akhmetov Соколова=sokolova Жуков=zhukov Лебедев=lebedev`),
		mail:   demoList(`mail.ru yandex.ru gmail.com`),
	},
	{
		code: "gr", zone: "Europe/Athens", currency: "EUR", weight: 2,
		single: "{b} {t} {f}", double: "{a} & {b} {t} {f}",
		heads:  demoWords(`Αθηνά=athina Όλυμπος=olympos Αιγαίο=aigaio Ήλιος=ilios Κρήτη=kriti Θάλασσα=thalassa Δέλτα=delta Φάρος=faros`),
		trades: demoWords(`Ναυτιλία=naftilia Τρόφιμα=trofima Τουρισμός=tourismos Τεχνική=techniki Εκδόσεις=ekdoseis`),
		forms:  demoList(`Α.Ε. Ε.Π.Ε. Ι.Κ.Ε.`),
		cities: demoList(`Αθήνα Θεσσαλονίκη Πάτρα`),
		given:  demoWords(`Μαρία=maria Γιώργος=giorgos Ελένη=eleni Νίκος=nikos Κώστας=kostas Άννα=anna`),
		family: demoWords(`Παπαδόπουλος=papadopoulos Γεωργίου=georgiou Δημητρίου=dimitriou Νικολάου=nikolaou Οικονόμου=oikonomou`),
		mail:   demoList(`gmail.com yahoo.gr`),
	},
	{
		code: "jp", zone: "Asia/Tokyo", currency: "JPY", weight: 8,
		single: "{f}{b}{t}", double: "{f}{a}{b}{t}", familyFirst: true,
		heads:  demoWords(`さくら=sakura 富士=fuji 東京=tokyo 大和=yamato みどり=midori 北海=hokkai 青葉=aoba 松本=matsumoto 日の出=hinode ミツワ=mitsuwa 京都=kyoto 星野=hoshino あさひ=asahi 桜井=sakurai 瀬戸内=setouchi 白川=shirakawa`),
		trades: demoWords(`電機=denki 商事=shoji 食品=shokuhin 製作所=seisakusho 運輸=unyu 建設=kensetsu 薬品=yakuhin 出版=shuppan システム=system 印刷=insatsu`),
		forms:  demoList(`株式会社 株式会社 株式会社 有限会社 合同会社`),
		cities: demoList(`東京 大阪 名古屋 札幌 福岡`),
		given:  demoWords(`陽菜=hina 蓮=ren 結衣=yui 大翔=haruto さくら=sakura 健太=kenta 美咲=misaki 翔太=shota 愛=ai 拓也=takuya`),
		family: demoWords(`佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 伊藤=ito 渡辺=watanabe 山本=yamamoto 中村=nakamura 小林=kobayashi 加藤=kato`),
		mail:   demoList(`yahoo.co.jp gmail.com docomo.ne.jp`),
	},
	{
		code: "cn", zone: "Asia/Shanghai", currency: "CNY", weight: 6,
		single: "{b}{t}{f}", double: "{a}{b}{t}{f}", familyFirst: true,
		heads:  demoWords(`华光=huaguang 长江=changjiang 金龙=jinlong 星辰=xingchen 上海=shanghai 东方=dongfang 海天=haitian 明德=mingde 深圳=shenzhen 瑞丰=ruifeng 天成=tiancheng 北辰=beichen`),
		trades: demoWords(`科技=keji 贸易=maoyi 食品=shipin 物流=wuliu 医药=yiyao 电子=dianzi 教育=jiaoyu 建筑=jianzhu 环保=huanbao`),
		forms:  demoList(`有限公司 有限公司 股份有限公司 集团`),
		cities: demoList(`上海 北京 广州 成都 杭州`),
		given:  demoWords(`伟=wei 芳=fang 秀英=xiuying 娜=na 敏=min 静=jing 强=qiang 磊=lei 洋=yang 艳=yan`),
		family: demoWords(`王=wang 李=li 张=zhang 刘=liu 陈=chen 杨=yang 赵=zhao 黄=huang 周=zhou 吴=wu`),
		mail:   demoList(`qq.com 163.com 126.com`),
	},
	{
		code: "kr", zone: "Asia/Seoul", currency: "KRW", weight: 3,
		single: "{f} {b}{t}", double: "{f} {a}{b}{t}", familyFirst: true,
		heads:  demoWords(`한빛=hanbit 서울=seoul 대한=daehan 푸른=pureun 미래=mirae 한강=hangang 백두=baekdu 하늘=haneul`),
		trades: demoWords(`전자=jeonja 물산=mulsan 건설=geonseol 식품=sikpum 소프트=soft 해운=haeun`),
		forms:  demoList(`주식회사 주식회사 유한회사`),
		cities: demoList(`서울 부산 대구 인천`),
		given:  demoWords(`민준=minjun 서연=seoyeon 지훈=jihun 수빈=subin 하은=haeun 도윤=doyun`),
		family: demoWords(`김=kim 이=lee 박=park 최=choi 정=jung 강=kang`),
		mail:   demoList(`naver.com hanmail.net gmail.com`),
	},
	{
		code: "il", zone: "Asia/Jerusalem", currency: "ILS", weight: 2,
		single: "{b} {t} {f}", double: "{a} {b} {t} {f}",
		heads:  demoWords(`כרמל=carmel גליל=galil ארז=erez שקד=shaked תמר=tamar נגב=negev ירדן=yarden אורן=oren`),
		trades: demoWords(`תוכנה=tochna תעשיות=taasiyot מזון=mazon בנייה=bniya הובלות=hovalot`),
		forms:  demoList(`בע״מ בע״מ ושות׳`),
		cities: demoList(`חיפה ירושלים אשדוד`),
		given:  demoWords(`נועה=noa דוד=david יעל=yael איתי=itai מאיה=maya אורי=uri`),
		family: demoWords(`כהן=cohen לוי=levi מזרחי=mizrahi פרץ=peretz ביטון=biton`),
		mail:   demoList(`gmail.com walla.co.il`),
	},
	{
		code: "ae", zone: "Asia/Dubai", currency: "AED", weight: 3,
		single: "{f} {b} {t}", double: "{f} {a} و{b} {t}",
		heads:  demoWords(`النور=alnoor الخليج=alkhaleej النخيل=alnakheel الواحة=alwaha الفجر=alfajr الصقر=alsaqr المدينة=almadina الأمل=alamal`),
		trades: demoWords(`للتجارة=tijara للمقاولات=muqawalat للأغذية=aghthiya للنقل=naql للتقنية=taqniya`),
		forms:  demoList(`شركة شركة مجموعة مؤسسة`),
		cities: demoList(`دبي أبوظبي الشارقة`),
		given:  demoWords(`فاطمة=fatima محمد=mohammed ليلى=layla أحمد=ahmed مريم=maryam يوسف=yousef`),
		family: demoWords(`المنصوري=almansoori حداد=haddad الهاشمي=alhashimi خوري=khoury نصار=nassar`),
		mail:   demoList(`gmail.com hotmail.com`),
	},
	{
		code: "in", zone: "Asia/Kolkata", currency: "INR", weight: 6, latin: true,
		single: "{b} {t} {f}", double: "{a} {b} {t} {f}",
		heads:  demoWords(`गंगा=ganga हिमालय=himalaya Surya Lotus भारत=bharat Deccan Narmada अशोक=ashok Shakti Malabar Vindhya सागर=sagar`),
		trades: demoWords(`Textiles उद्योग=udyog Software Foods Pharma Motors Steel Exports Infotech`),
		forms:  demoList(`Pvt._Ltd. Pvt._Ltd. Ltd. LLP`),
		cities: demoList(`Mumbai Bengaluru Chennai Pune Kochi`),
		given:  demoWords(`Aarav Ananya Rohan Diya प्रिया=priya Vikram Kavya अर्जुन=arjun Sneha Rahul`),
		family: demoWords(`Sharma Patel Iyer Reddy Singh Gupta Nair Das वर्मा=verma Khan`),
		mail:   demoList(`gmail.com rediffmail.com`),
	},
	{
		code: "th", zone: "Asia/Bangkok", currency: "THB", weight: 2,
		single: "{f} {b}{t} จำกัด", double: "{f} {a}{b}{t} จำกัด",
		heads:  demoWords(`สยาม=siam บางกอก=bangkok เจริญ=charoen ทองคำ=thongkham รุ่งเรือง=rungrueang`),
		trades: demoWords(`การค้า=kankha ขนส่ง=khonsong อาหาร=ahan ก่อสร้าง=kosang เทคโนโลยี=technology`),
		forms:  demoList(`บริษัท`),
		cities: demoList(`กรุงเทพฯ เชียงใหม่ ภูเก็ต`),
		given:  demoWords(`สมชาย=somchai มาลี=malee อนันต์=anan กมล=kamon`),
		family: demoWords(`ใจดี=jaidee ศรีสุข=srisuk ทองดี=thongdee วงศ์ไทย=wongthai`),
		mail:   demoList(`gmail.com hotmail.com`),
	},
}
