"""Common given and family names in other scripts, each written `name:in ASCII` for addresses and romanised records."""

SCRIPTS: dict[str, tuple[str, str]] = {
    "greek": (
        "Μαρία:Maria Ελένη:Eleni Αικατερίνη:Aikaterini Σοφία:Sofia Δήμητρα:Dimitra Ιωάννα:Ioanna Χρύσα:Chrysa"
        " Νεφέλη:Nefeli Γιώργος:Giorgos Δημήτρης:Dimitris Κώστας:Kostas Νίκος:Nikos Γιάννης:Giannis"
        " Παναγιώτης:Panagiotis Χρήστος:Christos Ευάγγελος:Evangelos Θεόδωρος:Theodoros Αθανάσιος:Athanasios",
        "Παπαδόπουλος:Papadopoulos Παππάς:Pappas Καραγιάννης:Karagiannis Βλάχος:Vlachos Ιωαννίδης:Ioannidis"
        " Οικονόμου:Oikonomou Παπαγεωργίου:Papageorgiou Μακρής:Makris Κωνσταντίνου:Konstantinou"
        " Δημόπουλος:Dimopoulos Αντωνίου:Antoniou Γεωργίου:Georgiou Νικολάου:Nikolaou Χατζής:Chatzis"
        " Αλεξίου:Alexiou Ζαφειρίου:Zafeiriou",
    ),
    "russian": (
        "Анна:Anna Мария:Maria Елена:Elena Ольга:Olga Наталья:Natalya Татьяна:Tatyana Ирина:Irina"
        " Светлана:Svetlana Александр:Alexander Дмитрий:Dmitry Сергей:Sergey Андрей:Andrey Алексей:Alexey"
        " Михаил:Mikhail Фёдор:Fyodor Юрий:Yury Игорь:Igor Ксения:Ksenia",
        "Иваненко:Ivanenko Кузьменко:Kuzmenko Соловей:Solovey Мороз:Moroz Ткач:Tkach Бондарь:Bondar"
        " Черных:Chernykh Долгих:Dolgikh Седых:Sedykh Коваль:Koval Гончар:Gonchar Белых:Belykh Шевчук:Shevchuk"
        " Зима:Zima Жук:Zhuk Гайдай:Gayday Русских:Russkikh Мельник:Melnik",
    ),
    "ukrainian": (
        "Олена:Olena Оксана:Oksana Ірина:Iryna Юлія:Yuliia Соломія:Solomiia Катерина:Kateryna Христина:Khrystyna"
        " Надія:Nadiia Андрій:Andrii Олександр:Oleksandr Тарас:Taras Богдан:Bohdan Сергій:Serhii Василь:Vasyl"
        " Євген:Yevhen Ярослав:Yaroslav Михайло:Mykhailo Дмитро:Dmytro",
        "Шевченко:Shevchenko Коваленко:Kovalenko Бондаренко:Bondarenko Ткаченко:Tkachenko Кравченко:Kravchenko"
        " Олійник:Oliinyk Поліщук:Polishchuk Лисенко:Lysenko Савченко:Savchenko Руденко:Rudenko"
        " Мельничук:Melnychuk Гриценко:Hrytsenko Їжак:Yizhak Ґудзь:Gudz Щербак:Shcherbak",
    ),
    "bulgarian": (
        "Мария:Maria Иванка:Ivanka Елена:Elena Десислава:Desislava Цветелина:Tsvetelina Радка:Radka"
        " Гергана:Gergana Георги:Georgi Иван:Ivan Димитър:Dimitar Николай:Nikolay Петър:Petar Стоян:Stoyan"
        " Васил:Vasil Красимир:Krasimir Любомир:Lyubomir",
        "Желязков:Zhelyazkov Петров:Petrov Димитров:Dimitrov Георгиев:Georgiev Николов:Nikolov Стоянов:Stoyanov"
        " Маринов:Marinov Ангелов:Angelov Цветков:Tsvetkov Тодоров:Todorov Костов:Kostov Йорданов:Yordanov"
        " Христов:Hristov Величков:Velichkov",
    ),
    "chinese": (
        "伟:Wei 芳:Fang 秀英:Xiuying 敏:Min 静:Jing 丽:Li 强:Qiang 磊:Lei 洋:Yang 艳:Yan 勇:Yong 军:Jun 杰:Jie"
        " 娟:Juan 涛:Tao 明:Ming 建华:Jianhua 晓明:Xiaoming 雨桐:Yutong 子涵:Zihan 浩然:Haoran 欣怡:Xinyi"
        " 思远:Siyuan 佳琪:Jiaqi 志强:Zhiqiang 雪梅:Xuemei",
        "王:Wang 李:Li 张:Zhang 刘:Liu 陈:Chen 杨:Yang 黄:Huang 赵:Zhao 吴:Wu 周:Zhou 徐:Xu 孙:Sun 马:Ma 朱:Zhu"
        " 胡:Hu 郭:Guo 何:He 高:Gao 林:Lin 罗:Luo 郑:Zheng 梁:Liang 谢:Xie 宋:Song 唐:Tang 许:Xu 欧阳:Ouyang"
        " 诸葛:Zhuge",
    ),
    "japanese": (
        "陽菜:Hina 葵:Aoi 結衣:Yui 美咲:Misaki 花子:Hanako さくら:Sakura 由美子:Yumiko 恵子:Keiko 直子:Naoko"
        " 真理子:Mariko 太郎:Taro 健太:Kenta 大輔:Daisuke 翔太:Shota 拓也:Takuya 誠:Makoto 浩二:Koji 悠真:Yuma"
        " 蓮:Ren 一郎:Ichiro 和也:Kazuya ひかり:Hikari",
        "佐藤:Sato 鈴木:Suzuki 高橋:Takahashi 田中:Tanaka 伊藤:Ito 渡辺:Watanabe 山本:Yamamoto 中村:Nakamura"
        " 小林:Kobayashi 加藤:Kato 吉田:Yoshida 山田:Yamada 佐々木:Sasaki 山口:Yamaguchi 松本:Matsumoto"
        " 井上:Inoue 木村:Kimura 林:Hayashi 斎藤:Saito 清水:Shimizu 山崎:Yamazaki 森:Mori 池田:Ikeda"
        " 橋本:Hashimoto",
    ),
    "korean": (
        "서연:Seoyeon 지우:Jiwoo 하은:Haeun 민서:Minseo 수빈:Subin 지현:Jihyun 은영:Eunyoung 미경:Mikyung"
        " 민준:Minjun 서준:Seojun 도윤:Doyun 예준:Yejun 지훈:Jihoon 현우:Hyunwoo 성민:Sungmin 영수:Youngsoo"
        " 상철:Sangchul 유진:Yujin 혜진:Hyejin 동현:Donghyun",
        "김:Kim 이:Lee 박:Park 최:Choi 정:Jung 강:Kang 조:Cho 윤:Yoon 장:Jang 임:Lim 한:Han 오:Oh 서:Seo 신:Shin"
        " 권:Kwon 황:Hwang 안:Ahn 송:Song 유:Yoo 홍:Hong 남궁:Namgung 선우:Sunwoo",
    ),
    "arabic": (
        "فاطمة:Fatima مريم:Maryam نور:Nour ليلى:Layla سارة:Sara هدى:Huda أمل:Amal رانيا:Rania ياسمين:Yasmin"
        " محمد:Mohammed أحمد:Ahmed علي:Ali عمر:Omar خالد:Khaled يوسف:Youssef حسن:Hassan طارق:Tariq كريم:Karim"
        " مصطفى:Mostafa إبراهيم:Ibrahim",
        "الحسن:Alhassan الخطيب:Alkhatib المصري:Almasri حداد:Haddad منصور:Mansour الشريف:Alsharif سليمان:Suleiman"
        " عبد_الله:Abdullah النجار:Alnajjar خليل:Khalil عثمان:Othman صالح:Saleh الفارسي:Alfarsi ناصر:Nasser"
        " حمدان:Hamdan زيدان:Zidan بكري:Bakri يونس:Younis",
    ),
    "hebrew": (
        "נועה:Noa תמר:Tamar מיכל:Michal יעל:Yael שירה:Shira רחל:Rachel אביגיל:Avigail הדס:Hadas רוני:Roni"
        " דוד:David יוסף:Yosef משה:Moshe איתי:Itai אורי:Uri דניאל:Daniel יונתן:Yonatan עומר:Omer גיל:Gil"
        " אלון:Alon נדב:Nadav",
        "כהן:Cohen לוי:Levi מזרחי:Mizrahi פרץ:Peretz ביטון:Biton דהן:Dahan אברהם:Avraham פרידמן:Friedman"
        " מלכה:Malka אזולאי:Azoulay כץ:Katz יוסף:Yosef עמר:Amar אוחיון:Ohayon שפירא:Shapira גבאי:Gabay"
        " בן_דוד:BenDavid קליין:Klein",
    ),
    "hindi": (
        "आरती:Aarti प्रिया:Priya नेहा:Neha पूजा:Pooja अनन्या:Ananya सुनीता:Sunita कविता:Kavita दीपिका:Deepika"
        " मीरा:Meera ऋतु:Ritu आरव:Aarav राहुल:Rahul अमित:Amit राजेश:Rajesh विकास:Vikas संजय:Sanjay अर्जुन:Arjun"
        " विवेक:Vivek सुरेश:Suresh मनीष:Manish कृष्णा:Krishna ज्योति:Jyoti",
        "शर्मा:Sharma वर्मा:Verma गुप्ता:Gupta सिंह:Singh कुमार:Kumar पटेल:Patel मिश्रा:Mishra यादव:Yadav"
        " जोशी:Joshi त्रिपाठी:Tripathi अग्रवाल:Agarwal चौहान:Chauhan मेहता:Mehta देशपांडे:Deshpande"
        " कुलकर्णी:Kulkarni भट्ट:Bhatt सक्सेना:Saxena चतुर्वेदी:Chaturvedi नायर:Nair श्रीवास्तव:Srivastava",
    ),
    "tamil": (
        "கவிதா:Kavitha லட்சுமி:Lakshmi மீனா:Meena தமிழ்ச்செல்வி:Tamilselvi வள்ளி:Valli அன்பு:Anbu முருகன்:Murugan"
        " கார்த்திக்:Karthik செந்தில்:Senthil குமரன்:Kumaran அருண்:Arun பிரியா:Priya",
        "சுப்பிரமணியன்:Subramanian கிருஷ்ணன்:Krishnan ராமன்:Raman நடராஜன்:Natarajan சுந்தரம்:Sundaram வேலு:Velu"
        " பாண்டியன்:Pandian ராஜா:Raja முத்து:Muthu கணேசன்:Ganesan",
    ),
    "bengali": (
        "অনন্যা:Ananya সুমিতা:Sumita রিয়া:Riya শ্রেয়া:Shreya মৌসুমী:Mousumi অর্ণব:Arnab সৌরভ:Sourav"
        " অভিজিৎ:Abhijit রাহুল:Rahul তন্ময়:Tanmay দেবাশিস:Debashis নাসরিন:Nasrin",
        "চক্রবর্তী:Chakraborty মুখার্জি:Mukherjee দাস:Das ঘোষ:Ghosh বসু:Basu সেন:Sen রায়:Roy"
        " ভট্টাচার্য:Bhattacharya হোসেন:Hossain রহমান:Rahman আহমেদ:Ahmed পাল:Pal",
    ),
    "thai": (
        "สมหญิง:Somying มาลี:Malee สุดา:Suda กนกวรรณ:Kanokwan พิมพ์ชนก:Pimchanok อรทัย:Orathai รัตนา:Rattana"
        " สมชาย:Somchai ประเสริฐ:Prasert วิชัย:Wichai ณัฐพล:Natthaphon ธนากร:Thanakorn อนันต์:Anan กิตติ:Kitti"
        " สุรชัย:Surachai ปิยะ:Piya",
        "ศรีสุข:Srisuk ใจดี:Jaidee แสงทอง:Saengthong วงศ์สวัสดิ์:Wongsawat ทองดี:Thongdee บุญมี:Boonmee"
        " สุวรรณ:Suwan รักไทย:Rakthai จันทร์เพ็ญ:Chanphen พรหมมา:Promma ศักดิ์ดี:Sakdee ชัยวัฒน์:Chaiwat"
        " มั่นคง:Mankhong อินทร์แก้ว:Inkaew",
    ),
    "georgian": (
        "ნინო:Nino თამარ:Tamar მარიამ:Mariam ანა:Ana ქეთევან:Ketevan ეკატერინე:Ekaterine გიორგი:Giorgi"
        " დავით:Davit ლევან:Levan ირაკლი:Irakli ზურაბ:Zurab ვახტანგ:Vakhtang",
        "ბერიძე:Beridze კაპანაძე:Kapanadze გელაშვილი:Gelashvili მაისურაძე:Maisuradze გიორგაძე:Giorgadze"
        " ლომიძე:Lomidze წიკლაური:Tsiklauri ხუციშვილი:Khutsishvili ჯავახიშვილი:Javakhishvili ნოზაძე:Nozadze",
    ),
    "armenian": (
        "Անի:Ani Մարիամ:Mariam Նարե:Nare Լուսինե:Lusine Գոհար:Gohar Արամ:Aram Դավիթ:Davit Տիգրան:Tigran Հայկ:Hayk"
        " Արմեն:Armen Վարդան:Vardan Գևորգ:Gevorg",
        "Գրիգորյան:Grigoryan Հարությունյան:Harutyunyan Սարգսյան:Sargsyan Հովհաննիսյան:Hovhannisyan"
        " Խաչատրյան:Khachatryan Պետրոսյան:Petrosyan Վարդանյան:Vardanyan Գասպարյան:Gasparyan Ավետիսյան:Avetisyan"
        " Մկրտչյան:Mkrtchyan",
    ),
}
